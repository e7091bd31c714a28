import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { Redis } from "ioredis"
import { now } from "../../support/processes/now.js"
import * as RedisServer from "../../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "./fleet.js"
import type { Answer, Execution } from "./fleetProtocol.js"

const raw = (url: string): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.acquireRelease(
    // Its ready check is `INFO`, and ioredis may take the echo of it, as a line of `MONITOR`, for its answer.
    Effect.sync(() => new Redis(url, { enableReadyCheck: false })),
    (client) => Effect.sync(() => client.disconnect())
  )

/** Every command that the server runs, including those of scripts, as `MONITOR` reports them. */
const watch = (url: string): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* raw(url)
    const monitor = yield* Effect.acquireRelease(
      Effect.promise(() => client.monitor()),
      (monitoring) => Effect.sync(() => monitoring.disconnect())
    )
    const commands: Array<string> = []
    monitor.on("monitor", (_: string, args: ReadonlyArray<string>) => void commands.push(args.join(" ")))
    return commands
  })

const byValue = (executions: ReadonlyArray<Execution>): ReadonlyMap<string, Execution> =>
  new Map(executions.map((execution) => [execution.value, execution]))

const percentile = (numbers: ReadonlyArray<number>, share: number): number =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))]!

const took = ({ answered, asked }: Answer): number => answered - asked

layer(Fleet.layer, { excludeTestServices: true })("a delete during a load", (it) => {
  const loadMillis = 800

  for (const by of ["another process", "a plain DEL by another program"] as const) {
    it.scoped(`by ${by}: the old value is never stored, and later callers get a newer one`, () =>
      Effect.gen(function*() {
        const prefix = uniquePrefix()
        const client = yield* raw(sharedRedisUrl())
        const commands = yield* watch(sharedRedisUrl())
        const fleet = yield* Fleet.Fleet
        const workers = yield* fleet.connect(4, {
          url: sharedRedisUrl(),
          prefix,
          cache: { name: "deleted", timeToLive: 60_000 }
        })
        const call = { op: "callers", key: "key", callers: 25, loadMillis } as const
        const loading = yield* Effect.fork(Fleet.nextLoad(workers, "key"))
        yield* Effect.yieldNow()
        const early = yield* Effect.fork(Fleet.everyone(workers, () => call))
        const { execution: old, worker: holder } = yield* Fiber.join(loading)
        yield* Effect.sleep(200)
        const deleting = now()
        if (by === "another process") {
          const other = workers.find((worker) => worker !== holder)!
          assert.isFalse(yield* other.ask({ op: "delete", key: "key" }), "no fresh value was there")
        } else {
          assert.strictEqual(yield* Effect.promise(() => client.del(`${prefix}deleted:key`)), 1, "there was a marker")
        }
        const deleted = now()
        // Also for the holder's own waiters: they wait for a load whose value they must not receive.
        const late = yield* Effect.fork(Fleet.everyone(workers, () => call))
        const reports = [...(yield* Fiber.join(early)), ...(yield* Fiber.join(late))]
        const after = yield* Fleet.everyone(workers, () => call)
        assert.isBelow(deleted, old.started + loadMillis, "the machine was too slow for this test to show anything")

        const executions = byValue([...reports, ...after].flatMap((report) => report.executions))
        const answers = [...reports, ...after].flatMap((report) => report.answers)
        for (const { asked, failure, value } of answers) {
          assert.isDefined(value, failure)
          if (asked > deleted) assert.isAbove(executions.get(value)!.started, deleting, "began before the delete")
        }
        const values = new Set(after.flatMap((report) => report.answers).map(({ value }) => value))
        assert.strictEqual(values.size, 1)
        const stored = [...values][0]!
        assert.notStrictEqual(stored, old.value)
        const writes = commands.filter((command) => command.startsWith(`SET ${prefix}`))
        assert.isTrue(writes.some((command) => command.includes(stored)), "the watcher saw what was stored")
        assert.isFalse(writes.some((command) => command.includes(old.value)), "the old value was stored")
        console.log(`${by}: ${executions.size} loads, ${answers.length} answers, ${writes.length} writes`)
        // One that was deleted, and one that came after it.
        assert.strictEqual(executions.size, 2)
      }))
  }
})

layer(Fleet.layer, { excludeTestServices: true })("a fleet under load", (it) => {
  it.scoped("loses nothing but time if Redis is flushed again and again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const client = yield* raw(server.url)
      const fleet = yield* Fleet.Fleet
      const lease = { duration: 2000 }
      const loadMillis = 40
      const workers = yield* fleet.connect(4, {
        url: server.url,
        prefix: uniquePrefix(),
        cache: { name: "flushed", timeToLive: 60_000, lease }
      })
      const flushes: Array<number> = []
      const flushing = yield* Effect.forever(
        Effect.sleep(250).pipe(
          Effect.zipRight(Effect.promise(() => client.flushall())),
          Effect.zipRight(Effect.sync(() => flushes.push(now())))
        )
      ).pipe(Effect.fork)
      const keys = 20
      const reports = yield* Fleet.everyone(workers, () => ({
        op: "loop",
        keys,
        callers: 20,
        loadMillis,
        pauseMillis: 5,
        forMillis: 4000
      }))
      yield* Fiber.interrupt(flushing)
      const answers = reports.flatMap((report) => report.answers)
      const executions = reports.flatMap((report) => report.executions)
      const times = answers.map(took)
      console.log(
        `${flushes.length} flushes: ${answers.length} answers by ${executions.length} loads of ${keys} keys; ` +
          `median ${percentile(times, 0.5).toFixed(1)} ms, 99 % ${percentile(times, 0.99).toFixed(1)} ms, ` +
          `longest ${Math.max(...times).toFixed(1)} ms`
      )
      for (const { failure, key, value } of answers) {
        assert.isDefined(value, failure)
        assert.isTrue(value.endsWith(` of ${key}`), `${value} under ${key}`)
      }
      assert.isAbove(flushes.length, 8)
      // A flush may take the lease of a load from it, so that another process loads as well: two for each key and
      // flush.
      assert.isAtMost(executions.length, 2 * keys * (flushes.length + 1))
      assert.isAtMost(Math.max(...times), lease.duration, "no caller waited for a lease that was flushed")
    }))

  it.scoped("refreshes a stale value once each time it expires, and no caller waits for that", () =>
    Effect.gen(function*() {
      const timeToLive = 400
      const loadMillis = 60
      const fleet = yield* Fleet.Fleet
      const workers = yield* fleet.connect(4, {
        url: sharedRedisUrl(),
        prefix: uniquePrefix(),
        cache: { name: "stale", timeToLive, staleWhileRevalidate: 30_000 }
      })
      const reports = yield* Fleet.everyone(workers, () => ({
        op: "loop",
        keys: 1,
        callers: 10,
        loadMillis,
        pauseMillis: 5,
        forMillis: 4500
      }))
      const executions = reports.flatMap((report) => report.executions).sort((a, b) => a.started - b.started)
      const answers = reports.flatMap((report) => report.answers)
      for (const { failure, value } of answers) assert.isDefined(value, failure)
      const first = executions[0]!
      const later = answers.filter(({ asked }) => asked > first.ended! + 100)
      const times = later.map(took)
      const processes = new Set(executions.map((execution) => execution.value.split("#")[0]))
      console.log(
        `${answers.length} answers by ${executions.length} loads in ${processes.size} processes; ` +
          `median ${percentile(times, 0.5).toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms`
      )
      // Each load stored its value, which was fresh for `timeToLive`: so the next load began after that, in whichever
      // process. Clocks of processes on one machine agree to within half a round trip.
      const clocks = 30
      for (const [i, execution] of executions.entries()) {
        const last = executions[i - 1]
        if (last === undefined) continue
        assert.isAbove(execution.started, last.ended! + timeToLive - clocks, `load ${i} of ${executions.length}`)
      }
      assert.isAtLeast(executions.length, 5)
      assert.isBelow(percentile(times, 0.5), loadMillis, "stale values are served at once")
      assert.isAtLeast(new Set(answers.map(({ value }) => value)).size, executions.length - 1, "each value was served")
    }))
})
