/** A process with reactive queries of `@effect/sql`, whose keys are the tags of a cache. */
import { Reactivity } from "@effect/experimental"
import { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, ManagedRuntime, Redacted, Schema, Stream } from "effect"
import * as Cache from "../../../src/Cache.js"
import * as CacheReactivity from "../../../src/Reactivity.js"
import * as RedisLayer from "../../../src/RedisLayer.js"
import { answering, telling } from "../../support/processes/answering.js"
import type { ReactivityProtocol, Request } from "./protocol.js"

const tell = telling<ReactivityProtocol>()

const users = Cache.make({
  name: "users",
  key: Schema.Number,
  timeToLive: "1 minute",
  tags: (id) => [`users:${id}`]
})

const connect = ({ postgresUrl, prefix, redisUrl }: Extract<Request, { op: "connect" }>) =>
  Layer.scoped(SqlClient.SqlClient, PgClient.make({ url: Redacted.make(postgresUrl) })).pipe(
    Layer.provideMerge(CacheReactivity.layer(users)),
    Layer.provideMerge(RedisLayer.layer({ url: redisUrl, prefix })),
    Layer.orDie
  )

let runtime: ManagedRuntime.ManagedRuntime<Layer.Layer.Success<ReturnType<typeof connect>>, never> | undefined

const write = (id: number, name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.asVoid(sql`UPDATE users SET name = ${name} WHERE id = ${id}`))

const query = (id: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql.reactive([`users:${id}`], sql<{ readonly name: string }>`SELECT name FROM users WHERE id = ${id}`).pipe(
        Stream.runForEach(([row]) => Effect.sync(() => tell({ id, name: row!.name })))
      )
  )

const serve = (request: Exclude<Request, { op: "connect" }>) => {
  switch (request.op) {
    case "query":
      return Effect.asVoid(Effect.forkDaemon(query(request.id)))
    case "rename":
      return write(request.id, request.name).pipe(Reactivity.mutation([`users:${request.id}`]))
    case "renameAndInvalidate":
      return Effect.zipRight(
        write(request.id, request.name),
        Cache.invalidateTags(users, [`users:${request.id}`])
      )
  }
}

answering<ReactivityProtocol>(async (request) => {
  if (request.op === "connect") {
    runtime = ManagedRuntime.make(connect(request))
    await runtime.runtime()
  } else await runtime!.runPromise(serve(request))
  return true
})
