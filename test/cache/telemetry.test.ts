import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Duration,
  Effect,
  Exit,
  Fiber,
  Logger,
  Metric,
  type MetricState,
  Option,
  TestClock
} from "effect"
import { Cache, CacheError, CacheMetrics, Codec } from "effect-redis-cache"
import { instances, leaseAndDie, Origin, settle } from "../load/memoryInstances.js"
import { type Span, tracing } from "../support/tracing.js"

const users = Cache.make({ name: "watched", codec: Codec.structural<string>(), timeToLive: "1 minute" })

describe("spans", () => {
  it.scoped("one per load: a child of the span of the caller that began it, linked to the spans of those that wait", () =>
    Effect.gen(function*() {
      const { spans, tracer } = tracing()
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const call = (name: string) =>
        Effect.fork(Effect.withTracer(Effect.withSpan(first(Cache.getOrSet(users, "42", origin.load)), name), tracer))
      const leader = yield* call("leader")
      yield* settle
      const waiters = yield* Effect.all([call("one"), call("two")])
      yield* settle
      yield* origin.succeed(1)
      yield* Effect.all([leader, ...waiters].map((fiber) => Fiber.join(fiber)))
      const loads = spans.filter((span) => span.name === "Cache.load")
      assert.strictEqual(loads.length, 1)
      const [load] = loads
      assert.strictEqual(Option.getOrThrow(load!.parent).spanId, spans.find(({ name }) => name === "leader")!.spanId)
      assert.deepStrictEqual(
        load!.links.map(({ span }) => (span as Span).name).sort(),
        ["one", "two"]
      )
      assert.strictEqual(load!.attributes.get("cache"), "watched")
      assert.isFalse(load!.attributes.has("load.keys"), "there is one")
      assert.strictEqual(load!.status._tag, "Ended")
    }))

  it.scoped("a caller that joins before the load's span has begun is linked too", () =>
    Effect.gen(function*() {
      const { spans, tracer } = tracing()
      const { first } = yield* instances(undefined)
      const call = (name: string) => Effect.withSpan(first(Cache.getOrSet(users, "42", Effect.succeed("v"))), name)
      yield* Effect.withTracer(Effect.all([call("one"), call("two"), call("three")], { concurrency: 3 }), tracer)
      const [load, ...others] = spans.filter((span) => span.name === "Cache.load")
      assert.strictEqual(others.length, 0)
      assert.strictEqual(load!.links.length, 2)
    }))

  it.scoped("a load that fails ends its span with the failure", () =>
    Effect.gen(function*() {
      const { spans, tracer } = tracing()
      const { first } = yield* instances(undefined)
      const ends: ReadonlyArray<readonly [Effect.Effect<never, unknown>, string]> = [
        [Effect.fail(new CacheError.Empty({ reason: "NotReady", key: "k", waited: Duration.zero })), "Empty"],
        [Effect.fail("down"), "_OTHER"],
        [Effect.die(new TypeError("broken")), "TypeError"],
        [Effect.interrupt, "interrupted"]
      ]
      for (const [end, type] of ends) {
        spans.length = 0
        yield* Effect.withTracer(Effect.exit(first(Cache.getOrSet(users, "42", end))), tracer)
        const { attributes, status } = spans.find(({ name }) => name === "Cache.load")!
        assert.strictEqual(attributes.get("error.type"), type)
        assert.isTrue(status._tag === "Ended" && Exit.isFailure(status.exit))
      }
    }))

  it.scoped("a load that is cut off ends its span as a failure, and its computation is a child of it", () =>
    Effect.gen(function*() {
      const { spans, tracer } = tracing()
      const { first } = yield* instances(undefined)
      for (const load of [Effect.never, Effect.uninterruptible(Effect.as(Effect.sleep("1 hour"), "late"))]) {
        spans.length = 0
        const call = Effect.exit(first(Cache.getOrSet(users, "42", Effect.withSpan(load, "computation"))))
        const caller = yield* Effect.fork(Effect.withTracer(call, tracer))
        yield* TestClock.adjust("2 hours")
        yield* Fiber.join(caller)
        const [span, computation] = ["Cache.load", "computation"].map((name) =>
          spans.find((each) => each.name === name)!
        )
        assert.strictEqual(Option.getOrThrow(computation!.parent), span)
        assert.strictEqual(span!.attributes.get("error.type"), "RuntimeException")
        const { status } = span!
        assert.isTrue(status._tag === "Ended" && Exit.isFailure(status.exit) && !Exit.isInterrupted(status.exit))
      }
    }))

  it.scoped("a hit creates no span", () =>
    Effect.gen(function*() {
      const { spans, tracer } = tracing()
      const { first } = yield* instances(undefined)
      yield* first(Cache.set(users, "42", "v"))
      yield* Effect.withTracer(first(Cache.getOrSet(users, "42", Effect.succeed("w"))), tracer)
      assert.deepStrictEqual(spans, [])
    }))
})

describe("metrics", () => {
  it.scoped("count what Cache.stats counts, tagged with cache and tier", () =>
    Effect.gen(function*() {
      const counted = Cache.make({ name: "counted", codec: Codec.structural<string>(), timeToLive: "1 minute" })
      const { first } = yield* instances(undefined)
      const origin = new Origin()
      const call = first(Effect.exit(Cache.getOrSet(counted, "42", origin.load)))
      yield* Effect.all([Effect.fork(call), Effect.fork(call)])
      yield* TestClock.adjust("3 seconds")
      yield* origin.succeed(1)
      yield* call
      yield* first(Cache.delete(counted, "42"))
      const failing = yield* Effect.fork(call)
      yield* settle
      yield* origin.fail(2)
      yield* Fiber.join(failing)
      const refused = yield* Effect.fork(call)
      yield* settle
      yield* first(Cache.set(counted, "42", "written"))
      yield* origin.succeed(3)
      yield* Fiber.join(refused)

      const value = <Out>(metric: Metric.Metric<unknown, never, Out>) =>
        Metric.value(metric.pipe(Metric.tagged("cache", "counted"), Metric.tagged("tier", "redis")))
      const count = (metric: Metric.Metric.Counter<number>) =>
        Effect.map(
          value(metric as unknown as Metric.Metric<unknown, never, MetricState.MetricState.Counter<number>>),
          (state) => state.count
        )
      const stats = yield* first(Cache.stats(counted))
      assert.deepStrictEqual(
        {
          hits: yield* count(CacheMetrics.hits),
          misses: yield* count(CacheMetrics.misses),
          writes: yield* count(CacheMetrics.writes),
          loads: yield* count(CacheMetrics.loads),
          coalesced: yield* count(CacheMetrics.coalesced),
          failures: yield* count(CacheMetrics.loadFailures),
          refusedFills: yield* count(CacheMetrics.refusedFills)
        },
        { hits: 1, misses: 4, writes: 2, loads: 3, coalesced: 1, failures: 1, refusedFills: 1 }
      )
      assert.deepInclude(stats, {
        hits: 1,
        misses: 4,
        writes: 2,
        loads: 3,
        coalesced: 1,
        failures: 1,
        refusedFills: 1
      })
      const durations = yield* value(
        CacheMetrics.loadDuration as unknown as Metric.Metric<unknown, never, MetricState.MetricState.Histogram>
      )
      assert.strictEqual(durations.count, 3)
      assert.strictEqual(durations.sum, 3)
    }))
})

describe("logs", () => {
  const logged = () => {
    const messages: Array<string> = []
    const logger = Logger.make<unknown, void>(({ annotations, logLevel, message }) => {
      messages.push([
        logLevel.label,
        ...Arr.ensure(message).map(String),
        ...[...annotations].map(([name, value]) => `${name}=${String(value)}`)
      ].join(" "))
    })
    return { messages, layer: Logger.replace(Logger.defaultLogger, logger) }
  }

  it.scoped("say which cache and which key", () =>
    Effect.gen(function*() {
      const { layer, messages } = logged()
      const { first, services } = yield* instances(undefined)
      yield* services[0]!.driver.set(
        { key: "watched:43", bytes: new Uint8Array([0xe1, ...new Array<number>(15).fill(0), 0xc1]), life: undefined },
        { onSuccess: () => Effect.void, onFailure: () => Effect.void }
      )
      const read = Effect.provide(first(Cache.getOrSet(users, "43", Effect.succeed("v"))), layer)
      yield* read
      assert.match(messages[0]!, /^WARN A stored value could not be decoded.*cache=watched key=watched:43/)
      assert.strictEqual(messages.length, 1)
    }))

  it.scoped("explain shows the lease", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      yield* leaseAndDie(services[0]!.driver, "watched:42", 5_000)
      const explained = yield* first(Cache.explain(users, "42"))
      assert.strictEqual(explained.state, "Leased")
      assert.isTrue(Option.isSome(explained.lease))
    }))
})
