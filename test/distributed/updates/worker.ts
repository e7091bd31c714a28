/** A process that updates and reads rows of PostgreSQL, on behalf of `run.ts`. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Cache from "../../../src/Cache.js"
import type { CodecError, RedisError } from "../../../src/CacheError.js"
import type { Redis } from "../../../src/Redis.js"
import * as RedisLayer from "../../../src/RedisLayer.js"
import { answering, telling } from "../../support/processes/answering.js"
import { now } from "../../support/processes/now.js"
import { hasTag, type Item, items, tagOf } from "./items.js"
import { type Batch, hold, hotRows, rows, type Step, type UpdatesProtocol, type Work } from "./protocol.js"

/** How often it reports what it did and saw, in ms. What it has not reported when it is killed is not judged. */
const tellEvery = 50
/** Generous, because a slow machine is not what this test judges. */
const patience = "30 seconds"
/** Concurrent updates; any beyond that are skipped. */
const maxUpdates = 20

type Failure = SqlError | RedisError | CodecError | "rolled back"

const below = (limit: number): number => Math.floor(Math.random() * limit)
const chance = (probability: number): boolean => Math.random() < probability
const pause = (upToMillis: number): Effect.Effect<void> => Effect.sleep(Math.random() * upToMillis)

/** Every other read and every fifth update is of a hot row: each hot row gets a few per second. */
const aRow = (hot: number): number => chance(hot) ? below(hotRows) : below(rows)

// ---- where it can be killed

let deadly: Step | undefined

const step = (name: Step): Effect.Effect<void> =>
  Effect.sync(() => {
    if (deadly === name) process.kill(process.pid, "SIGKILL")
  })

// ---- what it reports

const told = { ended: new Array<Batch["ended"][number]>(), reads: new Array<Batch["reads"][number]>() }
const failures: Array<string> = []
const tell = telling<UpdatesProtocol>()

const tellAll = Effect.map(Cache.stats(items), ({ hits, misses }) => {
  tell({ ended: told.ended.splice(0), reads: told.reads.splice(0), hits, misses, failures: failures.splice(0) })
})

const noted = <E, R>(effect: Effect.Effect<void, E, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(effect, (cause) => Effect.sync(() => failures.push(Cause.pretty(cause))))

// ---- reads

const load = (row: number) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* pause(3)
    const [item] = yield* sql<typeof Item.Type>`SELECT version, writer FROM items WHERE id = ${row}`
    yield* pause(chance(0.02) ? 300 : 5)
    return item!
  })

const read = Effect.gen(function*() {
  const row = aRow(0.5)
  const began = now()
  const { version, writer } = yield* Cache.getOrSet(items, row, load)
  told.reads.push({ row, began, version, writer })
})

// ---- updates

/** What an update does with its cache, by strategy. */
interface Strategy {
  /** Inside the transaction, once the rows are written. */
  readonly inside: (ids: ReadonlyArray<number>) => Effect.Effect<void, Failure, Redis>
  readonly around: <R>(
    transaction: Effect.Effect<void, Failure, R>,
    ids: ReadonlyArray<number>
  ) => Effect.Effect<void, Failure, R | Redis>
}

const remove = (ids: ReadonlyArray<number>) => Effect.asVoid(Cache.deleteMany(items, ids))

const strategies: Readonly<Record<Work["strategy"], Strategy>> = {
  "invalidating": {
    inside: () => Effect.void,
    // By its key, or by its tag: both work.
    around: (transaction, ids) => {
      const byTag = new Set(ids.filter((row) => hasTag(row) && chance(0.5)))
      const keys = ids.filter((row) => !byTag.has(row))
      return Cache.invalidating(transaction, items, keys, { hold, tags: [...byTag].map(tagOf) })
    }
  },
  "delete before commit": {
    inside: remove,
    around: (transaction) => transaction
  },
  "delete after commit": {
    inside: () => Effect.void,
    around: (transaction, ids) => Effect.zipRight(transaction, remove(ids))
  }
}

/** Of one row, or some. Rows are locked in the order of their numbers. */
const someRows = (): ReadonlyArray<number> =>
  [...new Set(Array.from({ length: chance(0.1) ? 3 : 1 }, () => aRow(0.2)))].sort((a, b) => a - b)

/** Short if others wait for the row; now and then longer than a hold lasts without renewal. */
const length = (ids: ReadonlyArray<number>): number =>
  ids.some((row) => row < hotRows) ? 20 : chance(0.01) ? 2 * hold : 60

const write = (ids: ReadonlyArray<number>, writer: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* Effect.forEach(ids, (row) =>
      sql`WITH written AS (
        UPDATE items SET version = version + 1, writer = ${writer} WHERE id = ${row} RETURNING id, version
      ) INSERT INTO history SELECT id, version, ${writer} FROM written`)
  })

const update = ({ around, inside }: Strategy, writer: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const ids = someRows()
    const fails = chance(0.1)
    const looks = chance(0.1)
    const body = Effect.gen(function*() {
      yield* write(ids, writer)
      yield* inside(ids)
      // The transaction sees its own write, and no other process may.
      if (looks) yield* Cache.getOrSet(items, ids[0]!, load)
      yield* pause(length(ids))
      if (fails) yield* Effect.fail("rolled back" as const)
      yield* step("before the commit")
    })
    const transaction = step("before the transaction").pipe(
      Effect.zipRight(sql.withTransaction(body)),
      Effect.zipRight(step("after the commit"))
    )
    yield* step("before the update")
    yield* around(transaction, ids)
    yield* step("after the update")
  })

const named = (strategy: Strategy, writer: string) => {
  const whole = update(strategy, writer)
  return Effect.exit(chance(0.05) ? Effect.timeoutOption(whole, Math.random() * 50) : whole).pipe(
    Effect.map((exit) => {
      told.ended.push({ writer, at: now() })
      if (exit._tag === "Failure" && !Cause.contains(exit.cause, Cause.fail("rolled back"))) {
        failures.push(Cause.pretty(exit.cause))
      }
    })
  )
}

// ---- all of it

let stopping = false
let working: Promise<void> | undefined

const work = ({ name, readsPerUpdate, strategy, updatesPerSecond }: Work) =>
  Effect.gen(function*() {
    let count = 0
    const places = yield* Effect.makeSemaphore(maxUpdates)
    const tick = 1000 / updatesPerSecond
    const reads = Effect.forEach(
      Array.from({ length: readsPerUpdate }),
      () => Effect.forkScoped(Effect.zipRight(pause(tick), noted(read))),
      { discard: true }
    )
    const next = Effect.suspend(() => {
      const one = named(strategies[strategy], `${name}.${++count}`)
      return Effect.zipRight(Effect.forkScoped(places.withPermitsIfAvailable(1)(one)), reads)
    })
    yield* Effect.repeat(Effect.zipRight(next, Effect.sleep(tick)), { until: () => stopping })
    yield* places.take(maxUpdates)
  })

const connect = ({ postgresUrl, redisUrl }: Work) =>
  Layer.scoped(
    SqlClient.SqlClient,
    PgClient.make({ url: Redacted.make(postgresUrl), maxConnections: 30, connectTimeout: patience })
  ).pipe(
    Layer.provide(Reactivity.layer),
    Layer.merge(RedisLayer.layer({ url: redisUrl, connectTimeout: patience, commandTimeout: patience })),
    Layer.merge(Logger.remove(Logger.defaultLogger)),
    Layer.orDie
  )

let runtime: ManagedRuntime.ManagedRuntime<SqlClient.SqlClient | Redis, never>

answering<UpdatesProtocol>(async (request) => {
  switch (request.op) {
    case "work": {
      runtime = ManagedRuntime.make(connect(request))
      await runtime.runtime()
      working = runtime.runPromise(Effect.scoped(work(request)))
      void runtime.runPromise(Effect.forever(Effect.zipRight(Effect.sleep(tellEvery), tellAll)))
      return true
    }
    case "die":
      deadly = request.step
      return true
    case "stop":
      stopping = true
      await working
      await runtime.runPromise(tellAll)
      return true
  }
})
