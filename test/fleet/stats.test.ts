/** Stats that processes publish, and what becomes of them. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { Cache, type CacheError, Fleet, Redis, RedisLayer } from "effect-redis-cache"
import { collectGarbage } from "../support/collectGarbage.js"
import { until } from "../support/onRedis.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const users = Cache.make({ name: "users" })

const publish = { every: "1 second", name: "one" } as const

/** A process: runs effects on its `Redis`, and can be ended. */
const start = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const service = Context.get(context, Redis.Redis)
    return {
      service,
      run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Redis.Redis, service),
      close: Scope.close(scope, Exit.void)
    }
  })

const process = (server: RedisLayer.InMemoryServer, options: Parameters<typeof RedisLayer.layerMemoryServer>[1] = {}) =>
  Effect.acquireRelease(start(RedisLayer.layerMemoryServer(server, options)), ({ close }) => close)

const names = ({ processes }: Fleet.FleetStats) => processes.map(({ name }) => name).sort()

describe("Fleet.stats", () => {
  it.scoped("add up the counts of all processes", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const one = yield* process(server, { publish })
      const two = yield* process(server, { publish: { ...publish, name: "two" } })
      const quiet = yield* process(server)
      yield* one.run(Cache.getOrSet(users, "42", Effect.delay(Effect.succeed("Ada"), 30))).pipe(
        Effect.fork,
        Effect.tap(TestClock.adjust(30)),
        Effect.flatMap(Fiber.join)
      )
      yield* two.run(Cache.get(users, "42"))
      yield* two.run(Cache.get(Cache.make({ name: "others" }), "42"))
      yield* quiet.run(Cache.get(users, "42"))
      yield* TestClock.adjust("1 second")
      const stats = yield* quiet.run(Fleet.stats)
      assert.deepStrictEqual(names(stats), ["one", "two"])
      const { hits, loadMillis, loadTimes, loads, longestLoadMillis, misses, writes } = stats.caches.get("users")!
      assert.deepStrictEqual([hits, misses, loads, writes], [1, 1, 1, 1])
      assert.deepStrictEqual([loadMillis, longestLoadMillis], [30, 30])
      assert.strictEqual(loadTimes[Fleet.loadTimeBounds.indexOf(50)], 1)
      assert.strictEqual(stats.caches.get("others")?.misses, 1)
      const [first] = stats.processes.filter(({ name }) => name === "one")
      assert.isDefined(first)
      assert.strictEqual(first.caches.get("users")?.loads, 1)
      assert.strictEqual(first.startedAt, 0)
      assert.isAtLeast(first.publishedAt, 800)
      assert.deepStrictEqual(first.every, Duration.seconds(1))
    }))

  it.scoped("are empty if no process publishes", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const { run } = yield* process(server)
      yield* run(Cache.get(users, "42"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.size, 0)
      const stats = yield* run(Fleet.stats)
      assert.deepStrictEqual([stats.processes, stats.caches.size], [[], 0])
    }))

  it.scoped("lose a process that closes its layer at once, and one that dies after a while", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const looker = yield* process(server)
      const dying = yield* process(server, { publish: { ...publish, name: "dying" } })
      const closing = yield* process(server, { publish: { ...publish, name: "closing" } })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(names(yield* looker.run(Fleet.stats)), ["closing", "dying"])
      const { driver } = looker.service
      const [id] = (yield* looker.run(Fleet.stats)).processes.filter(({ name }) => name === "dying").map(({ id }) => id)
      const report = (yield* driver.inspect(`:fleet:${id!}`))!
      yield* closing.close
      assert.deepStrictEqual(names(yield* looker.run(Fleet.stats)), ["dying"])
      // Its last report remains after its death.
      yield* dying.close
      yield* driver.set({ key: `:fleet:${id!}`, bytes: report.bytes, life: report.life }, {
        onSuccess: () => Effect.void,
        onFailure: Effect.fail
      })
      assert.deepStrictEqual(names(yield* looker.run(Fleet.stats)), ["dying"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(names(yield* looker.run(Fleet.stats)), [])
      // The next process to arrive removes dead ones from the list.
      yield* process(server, { publish: { ...publish, name: "next" } })
      yield* TestClock.adjust(1)
      assert.strictEqual(server.size, 2)
      const directory = (yield* driver.inspect(":fleet"))!
      assert.strictEqual(new TextDecoder().decode(directory.bytes).match(/[0-9a-f]{16}/g)?.length, 1)
    }))

  it.scoped("survive the loss of the list of processes, for as long as there are any", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const { run } = yield* process(server, { publish: { ...publish, every: "1 minute" } })
      for (let hour = 0; hour < 3; hour++) {
        yield* TestClock.adjust("59 minutes")
        assert.deepStrictEqual(names(yield* run(Fleet.stats)), ["one"])
      }
      server.clear()
      assert.deepStrictEqual(names(yield* run(Fleet.stats)), [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(names(yield* run(Fleet.stats)), ["one"])
    }))

  it.scoped("ignore keys that are not reports", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const { run, service } = yield* process(server, { publish })
      yield* TestClock.adjust("1 second")
      const [{ id }] = (yield* run(Fleet.stats)).processes as [Fleet.ProcessStats] // it has published
      const key = `:fleet:${id}`
      const found = JSON.parse(new TextDecoder().decode((yield* service.driver.inspect(key))!.bytes))
      for (
        const [bytes, left] of [
          ["{}", 0],
          ["\xff", 0],
          [JSON.stringify({ ...found, format: 2 }), 0],
          [JSON.stringify({ ...found, publishedAt: "now" }), 0],
          [JSON.stringify({ ...found, caches: [{ name: "__proto__", counts: { hits: 3 }, loadTimes: [] }] }), 1]
        ] as const
      ) {
        yield* service.driver.set({ key, bytes: new TextEncoder().encode(bytes), life: undefined }, {
          onSuccess: () => Effect.void,
          onFailure: Effect.fail
        })
        assert.strictEqual((yield* run(Fleet.stats)).processes.length, left, bytes)
      }
      assert.strictEqual((yield* run(Fleet.stats)).caches.get("__proto__")?.hits, 3)
    }))

  it.scoped("keep the counts of caches that are made on the fly, and one sum for all further names", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const { run } = yield* process(server, { publish })
      for (let i = 0; i < 600; i++) yield* run(Cache.get(Cache.make({ name: "fly" }), "42"))
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      collectGarbage()
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* run(Fleet.stats)).caches.get("fly")?.misses, 600)
      for (let i = 0; i < 600; i++) yield* run(Cache.get(Cache.make({ name: `name-${i}` }), "42"))
      yield* TestClock.adjust("1 second")
      const { caches } = yield* run(Fleet.stats)
      assert.strictEqual(caches.size, 501)
      assert.strictEqual(caches.get("(others)")?.misses, 101)
    }))

  it.scoped("are published once if layers are stacked", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const layer = RedisLayer.layerTraced.pipe(
        Layer.provide(RedisLayer.layerFaulty({})),
        Layer.provide(RedisLayer.layerMemoryServer(server, { publish }))
      )
      const { run } = yield* Effect.acquireRelease(start(layer), ({ close }) => close)
      yield* run(Cache.get(users, "42"))
      yield* TestClock.adjust("1 second")
      const stats = yield* run(Fleet.stats)
      assert.deepStrictEqual([names(stats), stats.caches.get("users")?.misses], [["one"], 1])
    }))

  it.scoped("show which process holds a lease, and how many loads run", () =>
    Effect.gen(function*() {
      const server = RedisLayer.memoryServer()
      const one = yield* process(server, { publish })
      yield* process(server, { publish: { ...publish, name: "two" } })
      const looker = yield* process(server)
      const value = yield* Deferred.make<string>()
      const load = yield* Effect.fork(one.run(Cache.getOrSet(users, "42", Deferred.await(value))))
      yield* TestClock.adjust("1 second")
      const holders = Effect.map(
        looker.run(Fleet.explain("users", "42")),
        (found) => found.holders.map(({ process }) => process)
      )
      assert.deepStrictEqual(yield* holders, ["one"])
      const { processes } = yield* looker.run(Fleet.stats)
      assert.deepStrictEqual(
        processes.map(({ loading, name }) => [name, loading]).sort(),
        [["one", 1], ["two", 0]]
      )
      yield* Deferred.succeed(value, "Ada")
      yield* Fiber.join(load)
      assert.deepStrictEqual(yield* holders, [])
      const update = yield* Effect.fork(one.run(Cache.invalidating(Effect.never, users, ["42"])))
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* looker.run(Fleet.explain("users", "42"))).state, "Held")
      assert.deepStrictEqual(yield* holders, ["one"])
      yield* Fiber.interrupt(update)
    }))

  it.live("arrive over a real Redis, on time", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const options = { url: sharedRedisUrl(), prefix }
      const one = yield* start(RedisLayer.layer({ ...options, publish: { every: "100 millis", name: "one" } }))
      const looker = yield* start(RedisLayer.layer(options))
      yield* one.run(Cache.get(users, "42"))
      yield* until(Effect.map(looker.run(Fleet.stats), ({ caches }) => caches.get("users")?.misses === 1))
      const { at, processes: [process] } = yield* looker.run(Fleet.stats)
      assert.isBelow(Math.abs(at - Date.now()), 5_000)
      assert.isBelow(Math.abs(at - process!.publishedAt), 5_000)
      yield* one.close
      assert.deepStrictEqual(names(yield* looker.run(Fleet.stats)), [])
      assert.deepStrictEqual((yield* looker.run(Fleet.caches())).caches, [])
      yield* looker.close
    }))

  it.live("wait for the first use of a lazy layer", () =>
    Effect.gen(function*() {
      const prefix = uniquePrefix()
      const every = { every: "100 millis", name: "one" } as const
      const one = yield* start(RedisLayer.layer({ url: sharedRedisUrl(), prefix, lazy: true, publish: every }))
      yield* Effect.sleep("50 millis")
      assert.strictEqual(one.service.driver.unsafeConnections(), 0)
      yield* one.run(Cache.get(users, "42"))
      yield* until(Effect.map(one.run(Fleet.stats), (stats) => names(stats).includes("one")))
      yield* one.close
    }))

  it.effect("refuse invalid options", () =>
    Effect.gen(function*() {
      const refusal = (publish: RedisLayer.CommonOptions["publish"]) =>
        Effect.map(
          Effect.flip(Layer.launch(RedisLayer.layer({ url: sharedRedisUrl(), publish }))),
          ({ message }) => message
        )
      assert.match(yield* refusal({ every: 0 }), /publish\.every must be a duration longer than zero/)
      assert.match(yield* refusal({ every: "10 millis" }), /publish\.every must be at least 100 milliseconds, got 10/)
      assert.match(yield* refusal({ name: "" }), /publish\.name must be a string of 1 to 200 characters, got ""/)
    }))
})

describe("Fleet.rates", () => {
  const counts = (some: Partial<Fleet.Counts>): Fleet.Counts => ({
    ...{ hits: 0, nearHits: 0, misses: 0, writes: 0, loads: 0, coalesced: 0, staleServed: 0, failures: 0 },
    ...{ refusedFills: 0, undecodable: 0, bypassed: 0, skippedRefreshes: 0, loadMillis: 0, longestLoadMillis: 0 },
    ...{ barredLoads: 0, updates: 0, failedEnds: 0, held: 0, deletes: 0, invalidations: 0 },
    loadTimes: [],
    ...some
  })

  const report = (id: string, startedAt: number, publishedAt: number, users: Partial<Fleet.Counts>) => ({
    ...{ id, name: id, startedAt, publishedAt, every: Duration.seconds(5), loading: 0, mark: "" },
    caches: new Map([["users", counts(users)]])
  })

  const at = (time: number, ...processes: ReadonlyArray<Fleet.ProcessStats>): Fleet.FleetStats => ({
    at: time,
    processes,
    caches: new Map()
  })

  it("are the difference of two reports of each process", () => {
    const before = at(10_000, report("one", 0, 9_000, { hits: 100, misses: 100 }), report("two", 0, 6_000, { hits: 7 }))
    const after = at(
      20_000,
      report("one", 0, 19_000, { hits: 400, misses: 200 }),
      report("two", 0, 16_000, { hits: 17 })
    )
    const { hitRatio, loadTime, perSecond } = Fleet.rates([before, after]).get("users")!
    assert.deepStrictEqual([perSecond.hits, perSecond.misses], [31, 10])
    assert.deepStrictEqual(hitRatio, Option.some(31 / 41))
    assert.deepStrictEqual(loadTime, Option.none())
  })

  it("count a new process from its start, and no process that was silent for a while", () => {
    const before = at(10_000)
    const after = at(20_000, report("new", 15_000, 20_000, { hits: 50 }), report("back", 5_000, 20_000, { hits: 1e6 }))
    assert.strictEqual(Fleet.rates([before, after]).get("users")?.perSecond.hits, 10)
  })

  it("start from the first report of a process that began before the first reading and was not in it", () => {
    const later = at(12_000, report("late", 5_000, 11_000, { hits: 100 }))
    const last = at(20_000, report("late", 5_000, 19_000, { hits: 180 }))
    assert.strictEqual(Fleet.rates([at(10_000), later, last]).get("users")?.perSecond.hits, 10)
  })

  it("are none without a report since, or without any counts", () => {
    const one = report("one", 0, 9_000, { hits: 100 })
    assert.strictEqual(Fleet.rates([at(10_000, one), at(12_000, one)]).size, 0)
    const idle = Fleet.rates([at(10_000, one), at(20_000, { ...one, publishedAt: 19_000 })]).get("users")!
    assert.deepStrictEqual([idle.perSecond.hits, idle.hitRatio], [0, Option.none()])
  })

  it("estimate load times between the bounds of their buckets", () => {
    const loads = { loads: 100, loadMillis: 2_000, longestLoadMillis: 400, loadTimes: [0, 0, 0, 0, 98, 0, 0, 0, 2] }
    const { loadTime } = Fleet.rates([at(0), at(1_000, report("one", 0, 1_000, loads))]).get("users")!
    const { mean, p50, p99 } = Option.getOrThrow(loadTime)
    assert.strictEqual(Duration.toMillis(mean), 20)
    assert.closeTo(Duration.toMillis(p50), 15.1, 0.1)
    assert.closeTo(Duration.toMillis(p99), 300, 1)
  })
})
