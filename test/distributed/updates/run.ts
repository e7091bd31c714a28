/**
 * Runs a strategy: processes that update and read rows of a database and die at any moment, and the resulting
 * judgement.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import * as Cache from "../../../src/Cache.js"
import * as RedisLayer from "../../../src/RedisLayer.js"
import { until } from "../../support/onRedis.js"
import * as PostgresServer from "../../support/postgres/postgresServer.js"
import { bundle } from "../../support/processes/bundle.js"
import { now } from "../../support/processes/now.js"
import * as Process from "../../support/processes/worker.js"
import * as RedisServer from "../../support/redisServer.js"
import { items } from "./items.js"
import { judge, type Verdict } from "./judge.js"
import { hold, type Read, rows, steps, type Strategy, type UpdatesProtocol, type Version } from "./protocol.js"

const workerFile = fileURLToPath(new URL("worker.ts", import.meta.url))

const processes = 4
/** Of all processes. */
const updatesPerSecond = 200
const readsPerUpdate = 5
/** In ms. */
const killEvery = 2_000
/** How long, in ms, messages that a dead process had sent may still arrive. */
const lastWords = 1_000

const allRows = Array.from({ length: rows }, (_, row) => row)

type Worker = Process.Worker<UpdatesProtocol>

export interface Outcome extends Verdict {
  readonly updates: number
  readonly deaths: number
  /** From the counters of the caches. */
  readonly hitShare: number
  /** Unexpected failures. */
  readonly failures: ReadonlyArray<string>
}

/** The reports of all processes. */
class Ledger {
  readonly ended = new Map<string, number>()
  readonly reads: Array<Read> = []
  readonly failures: Array<string> = []
  private readonly counts = new Map<string, { readonly hits: number; readonly misses: number }>()

  hear(name: string, worker: Worker): void {
    worker.onTold(({ ended, failures, hits, misses, reads }) => {
      for (const { at, writer } of ended) this.ended.set(writer, at)
      for (const read of reads) this.reads.push(read)
      this.failures.push(...failures)
      this.counts.set(name, { hits, misses })
    })
  }

  get hitShare(): number {
    const all = [...this.counts.values()]
    const hits = all.reduce((sum, each) => sum + each.hits, 0)
    return hits / (hits + all.reduce((sum, each) => sum + each.misses, 0))
  }
}

/** Keeps processes running; kills one now and then. */
const makeFleet = (begin: (name: string, worker: Worker) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const file = yield* bundle(workerFile)
    const deaths = new Map<string, number>()
    const alive = new Map<string, Worker>()
    // The next one is ready when it is needed.
    const spares = yield* Queue.bounded<Worker>(1)
    yield* Effect.forkScoped(
      Effect.forever(Effect.flatMap(Process.make<UpdatesProtocol>(file), (worker) => spares.offer(worker)))
    )
    const live = (name: string) =>
      Effect.gen(function*() {
        const worker = yield* spares.take
        yield* begin(name, worker)
        alive.set(name, worker)
        yield* worker.ended
        alive.delete(name)
        deaths.set(name, now())
      })
    const seat = (seat: number) =>
      Effect.iterate(1, {
        while: () => true,
        body: (n) => Effect.as(live(`${seat}.${n}`), n + 1)
      })
    yield* Effect.forEach(Array.from({ length: processes }, (_, n) => n), (n) => Effect.forkScoped(seat(n)))
    yield* until(Effect.sync(() => alive.size === processes))

    /** Kills one of them, at a random moment: between two given steps of an update, or anywhere. */
    const kill = Effect.gen(function*() {
      const worker = yield* Random.choice([...alive.values()])
      const step = yield* Random.choice([...steps, "anywhere" as const])
      if (step !== "anywhere") {
        yield* worker.ask({ op: "die", step })
        yield* Effect.race(worker.ended, Effect.sleep(killEvery / 4))
      }
      yield* worker.kill
    })
    return { alive, deaths, kill: Effect.ignore(Effect.sandbox(kill)) } // a worker that dies does not answer
  })

const makeTables = (sql: PgClient.PgClient) =>
  Effect.gen(function*() {
    yield* sql`CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, writer TEXT NOT NULL)`
    yield* sql`INSERT INTO items SELECT id, 0, '' FROM generate_series(0, ${rows - 1}) AS id`
    // Written in the transactions of updates: whatever it contains was committed.
    yield* sql`CREATE TABLE history (id INTEGER, version INTEGER, writer TEXT NOT NULL, PRIMARY KEY (id, version))`
  })

export const run = (strategy: Strategy, forMillis: number): Effect.Effect<Outcome, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const redis = yield* RedisServer.make()
    const postgres = yield* PostgresServer.make()
    const sql = yield* PgClient.make({ url: Redacted.make(postgres.url) }).pipe(Effect.provide(Reactivity.layer))
    yield* makeTables(sql)
    const cache = yield* Layer.build(RedisLayer.layer(redis.url))
    // All rows are cached at the beginning.
    yield* Effect.provide(Cache.setMany(items, allRows.map((row) => [row, { version: 0, writer: "" }])), cache)

    const ledger = new Ledger()
    const { alive, deaths, kill } = yield* makeFleet((name, worker) => {
      ledger.hear(name, worker)
      return Effect.asVoid(worker.ask({
        op: "work",
        name,
        redisUrl: redis.url,
        postgresUrl: postgres.url,
        strategy,
        updatesPerSecond: updatesPerSecond / processes,
        readsPerUpdate
      }))
    })
    yield* Effect.repeat(Effect.delay(kill, killEvery), { times: Math.floor(forMillis / killEvery) - 1 })
    yield* until(Effect.sync(() => alive.size === processes))
    yield* Effect.forEach(alive.values(), (worker) => worker.ask({ op: "stop" }), { concurrency: "unbounded" })
    // Until the holds of killed processes have run out.
    yield* Effect.sleep(hold + lastWords)

    const cached = yield* Effect.provide(Cache.getMany(items, allRows), cache)
    const commits = yield* sql<Version>`SELECT id AS row, version, writer FROM history ORDER BY id, version`
    const verdict = judge({
      commits,
      ended: endsOf(commits, ledger.ended, deaths),
      reads: ledger.reads,
      cached: [...cached].map(([row, version]) => ({ row, ...version }))
    })
    return {
      ...verdict,
      updates: ledger.ended.size,
      deaths: deaths.size,
      hitShare: ledger.hitShare,
      failures: ledger.failures
    }
  })

/** An update that a killed process had not ended counts as ended once its hold has run out. */
const endsOf = (
  commits: ReadonlyArray<Version>,
  ended: ReadonlyMap<string, number>,
  deaths: ReadonlyMap<string, number>
): ReadonlyMap<string, number> => {
  const all = new Map(ended)
  for (const { writer } of commits) {
    const died = deaths.get(writer.slice(0, writer.lastIndexOf(".")))
    if (!all.has(writer) && died !== undefined) all.set(writer, died + hold + lastWords)
  }
  return all
}
