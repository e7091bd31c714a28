/** Reactive queries on PostgreSQL in one process, which run again after another process has written. */
import { Reactivity } from "@effect/experimental"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import { until } from "../../support/onRedis.js"
import * as PostgresServer from "../../support/postgres/postgresServer.js"
import * as Process from "../../support/processes/worker.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import type { ReactivityProtocol } from "./protocol.js"

const workerFile = fileURLToPath(new URL("reactivityWorker.ts", import.meta.url))

const prefix = "reactivity:"

/** A process that runs the query of each user, and the results that it got. */
const makeReader = (redisPort: number, postgresUrl: string) =>
  Effect.gen(function*() {
    const worker = yield* Process.make<ReactivityProtocol>(workerFile)
    const names = new Map<number, Array<string>>([[1, []], [2, []]])
    worker.onTold(({ id, name }) => void names.get(id)!.push(name))
    yield* worker.ask({ op: "connect", redisUrl: `redis://127.0.0.1:${redisPort}`, prefix, postgresUrl })
    for (const id of names.keys()) yield* worker.ask({ op: "query", id })
    return {
      given: (id: number): ReadonlyArray<string> => names.get(id)!,
      isGiven: (id: number, name: string) => until(Effect.sync(() => names.get(id)!.at(-1) === name))
    }
  })

describe("two processes with reactive queries", () => {
  it.scopedLive("one re-reads what the other wrote, and everything after its link was lost", () =>
    Effect.gen(function*() {
      const redis = yield* RedisServer.make()
      const postgres = yield* PostgresServer.make()
      const sql = yield* PgClient.make({ url: Redacted.make(postgres.url) }).pipe(Effect.provide(Reactivity.layer))
      yield* sql`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`
      yield* sql`INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace')`

      const proxy = yield* Proxy.make(redis.port)
      const reader = yield* makeReader(proxy.port, postgres.url)
      const writer = yield* Process.make<ReactivityProtocol>(workerFile)
      yield* writer.ask({ op: "connect", redisUrl: redis.url, prefix, postgresUrl: postgres.url })
      yield* reader.isGiven(1, "Ada")
      yield* reader.isGiven(2, "Grace")

      yield* writer.ask({ op: "rename", id: 1, name: "Ada Lovelace" })
      yield* reader.isGiven(1, "Ada Lovelace")
      yield* writer.ask({ op: "renameAndInvalidate", id: 1, name: "Countess of Lovelace" })
      yield* reader.isGiven(1, "Countess of Lovelace")
      yield* writer.ask({ op: "rename", id: 2, name: "Grace Hopper" })
      yield* reader.isGiven(2, "Grace Hopper")

      // Without a link it hears of nothing, and does not know which of its queries are outdated.
      yield* Effect.promise(proxy.refuse)
      yield* writer.ask({ op: "rename", id: 1, name: "Ada King" })
      yield* writer.ask({ op: "renameAndInvalidate", id: 2, name: "Admiral Hopper" })
      assert.notInclude(reader.given(1), "Ada King")
      assert.notInclude(reader.given(2), "Admiral Hopper")
      yield* Effect.promise(proxy.pass)
      yield* reader.isGiven(1, "Ada King")
      yield* reader.isGiven(2, "Admiral Hopper")

      // It still hears of later changes.
      yield* writer.ask({ op: "rename", id: 1, name: "Ada" })
      yield* reader.isGiven(1, "Ada")
    }))
})
