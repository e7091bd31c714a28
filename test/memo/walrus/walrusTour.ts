/**
 * The examples of walrus's documentation (docs/cache.rst), line by line, over any layer. Each of its lines stands as a
 * comment above our equivalent.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, type Layer, Option, Ref } from "effect"
import { Cache, Memo, Pending, type Redis } from "effect-redis-cache"

export interface Tour {
  /** A new and empty one for every test. */
  readonly layer: () => Layer.Layer<Redis.Redis, unknown>
  /** Whether time is the machine's, or else the `TestClock`'s. */
  readonly live: boolean
  /** How long a second of walrus's examples takes here. */
  readonly second: Duration.Duration
  /** Lets this many of these seconds pass. */
  readonly sleep: (seconds: number) => Effect.Effect<void>
}

export const walrusTour = (store: string, { layer, live, second, sleep }: Tour): void => {
  const test = (name: string, body: Effect.Effect<void, unknown, Redis.Redis>) => {
    const run = () => Effect.provide(body, layer())
    return live ? it.live(name, run, 30_000) : it.effect(name, run)
  }
  const seconds = (n: number): Duration.Duration => Duration.times(second, n)
  const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis))

  describe(`walrus's documentation, on ${store}`, () => {
    test(
      "basic usage",
      Effect.gen(function*() {
        // >>> cache = db.cache()
        const cache = Cache.make({ name: "cache" })

        // >>> cache.set('foo', 'bar', 10)
        yield* Cache.set(cache, "foo", "bar", { timeToLive: seconds(10) })
        // >>> cache.get('foo')
        // 'bar'
        assert.deepStrictEqual(yield* Cache.get(cache, "foo"), Option.some("bar"))

        // >>> time.sleep(10)
        yield* sleep(10)
        // >>> cache.get('foo') is None
        // True
        assert.deepStrictEqual(yield* Cache.get(cache, "foo"), Option.none())

        // >>> cache.set_many({'k1': 'v1', 'k2': 'v2'}, 300)
        yield* Cache.setMany(cache, { k1: "v1", k2: "v2" }, { timeToLive: seconds(300) })
        // >>> cache.get_many(['k1', 'kx', 'k2'])
        // {'k1': 'v1', 'k2': 'v2'}
        assert.deepStrictEqual(
          yield* Cache.getMany(cache, ["k1", "kx", "k2"]),
          new Map<string, unknown>([["k1", "v1"], ["k2", "v2"]])
        )
        // >>> cache.delete_many(['k1', 'kx', 'k2'])
        // 2
        assert.strictEqual(yield* Cache.deleteMany(cache, ["k1", "kx", "k2"]), 2)
      })
    )

    test(
      "simple decorator",
      Effect.gen(function*() {
        const runs = yield* Ref.make(0)
        // >>> @cache.cached(timeout=10)
        // ... def get_time():
        // ...     return datetime.datetime.now()
        const getTime = Memo.cached(function getTime() {
          return Effect.zipRight(Ref.update(runs, (n) => n + 1), now)
        }, seconds(10))

        // >>> print(get_time())  # First call, return value cached.
        const first = yield* getTime()
        yield* sleep(1)
        // >>> print(get_time())  # Hits the cache.
        assert.deepStrictEqual(yield* getTime(), first)
        assert.strictEqual(yield* Ref.get(runs), 1)

        // >>> time.sleep(10)  # Wait for cache to expire then call again.
        yield* sleep(10)
        // >>> print(get_time())
        assert.isAbove((yield* getTime()).getTime(), first.getTime())
        assert.strictEqual(yield* Ref.get(runs), 2)
      })
    )

    test(
      "arguments and bust",
      Effect.gen(function*() {
        const runs = yield* Ref.make(0)
        // >>> @cache.cached(timeout=60)
        // ... def get_time(seed=None):
        // ...     return datetime.datetime.now()
        const getTime = Memo.cached(function getTime(_seed?: string) {
          return Effect.zipRight(Ref.update(runs, (n) => n + 1), now)
        }, seconds(60))

        // >>> print(get_time())
        const unseeded = yield* getTime()
        yield* sleep(0.1)
        // >>> print(get_time())
        assert.deepStrictEqual(yield* getTime(), unseeded)
        // >>> print(get_time('foo'))
        const foo = yield* getTime("foo")
        assert.isAbove(foo.getTime(), unseeded.getTime())
        yield* sleep(0.1)
        // >>> print(get_time('foo'))
        assert.deepStrictEqual(yield* getTime("foo"), foo)
        // >>> print(get_time('bar'))
        const bar = yield* getTime("bar")
        assert.isAbove(bar.getTime(), foo.getTime())
        // >>> print(get_time('foo'))
        assert.deepStrictEqual(yield* getTime("foo"), foo)
        assert.strictEqual(yield* Ref.get(runs), 3)

        yield* sleep(0.1)
        // >>> get_time.bust('foo')
        assert.isTrue(yield* getTime.bust("foo"))
        // >>> print(get_time('foo'))
        const anew = yield* getTime("foo")
        assert.isAbove(anew.getTime(), bar.getTime())
        assert.deepStrictEqual(yield* getTime("bar"), bar)
        assert.deepStrictEqual(yield* getTime(), unseeded)
        assert.strictEqual(yield* Ref.get(runs), 4)
      })
    )

    test(
      "cached property",
      Effect.gen(function*() {
        const runs = yield* Ref.make(0)
        // >>> class Clock(object):
        // ...     @cache.cached_property()
        // ...     def now(self):
        // ...         return datetime.datetime.now()
        class WallClock {
          constructor(readonly id: string) {}

          readonly now = Memo.cachedProperty(
            this,
            { name: "WallClock.now", key: (self) => self.id },
            () => Effect.zipRight(Ref.update(runs, (n) => n + 1), now)
          )
        }

        const clock = new WallClock("kitchen")
        // >>> print(clock.now)
        const first = yield* clock.now
        yield* sleep(1)
        // >>> print(clock.now)
        assert.deepStrictEqual(yield* clock.now, first)
        assert.strictEqual(yield* Ref.get(runs), 1)

        // walrus's `del clock.now`
        assert.isTrue(yield* clock.now.bust)
        assert.isAbove((yield* clock.now).getTime(), first.getTime())
      })
    )

    /** walrus's `get_now`, and what it printed. */
    const makeGetNow = Effect.map(Ref.make<ReadonlyArray<string>>([]), (printed) => {
      // >>> @cache.cache_async()
      // ... def get_now(seed=None):
      // ...     print('About to sleep for 5 seconds.')
      // ...     time.sleep(5)
      // ...     return datetime.datetime.now()
      const getNow = Memo.cachedAsync(function getNow(_seed?: string) {
        return Ref.update(printed, (lines) => [...lines, "About to sleep for 5 seconds."]).pipe(
          Effect.zipRight(Effect.sleep(seconds(5))),
          Effect.zipRight(now)
        )
      }, seconds(3600))
      return { getNow, prints: Effect.map(Ref.get(printed), (lines) => lines.length) }
    })

    test(
      "cache asynchronously",
      Effect.gen(function*() {
        const { getNow, prints } = yield* makeGetNow
        const started = yield* Clock.currentTimeMillis
        // >>> result = get_now()
        // About to sleep for 5 seconds.
        // >>> result
        // <function _get_value at 0x7fe3a4685de8>
        const result = yield* getNow()
        assert.isTrue(Pending.isPending(result))
        assert.isBelow((yield* Clock.currentTimeMillis) - started, Duration.toMillis(seconds(5)))

        // >>> result(block=False)
        // Queue.Empty
        const notReady = yield* Effect.flip(Pending.poll(result))
        assert.strictEqual(notReady._tag, "Empty")
        assert.strictEqual(notReady._tag === "Empty" && notReady.reason, "NotReady")

        // >>> print(result(block=True))
        const waiting = yield* Effect.fork(Pending.await(result))
        yield* sleep(5)
        const value = yield* Fiber.join(waiting)
        assert.isAtLeast(value.getTime(), started + Duration.toMillis(seconds(5)) - 1)
        assert.strictEqual(yield* prints, 1)

        // A subsequent call to get_now() will not execute the function body.
        // >>> result = get_now()
        // >>> print(result())
        yield* sleep(1)
        const again = yield* getNow()
        assert.deepStrictEqual(yield* again, value)
        assert.strictEqual(yield* prints, 1)

        // The result function can be called any number of times. It will always return the same value:
        // >>> print(result())
        assert.deepStrictEqual(yield* result, value)
        assert.deepStrictEqual(yield* Pending.poll(result), value)
        assert.deepStrictEqual(yield* Pending.within(result, seconds(1)), value)
        assert.deepStrictEqual(
          yield* Effect.all(Array.from({ length: 100 }, () => again), { concurrency: "unbounded" }),
          Array.from({ length: 100 }, () => value)
        )
      })
    )

    test(
      "a timeout of 4 seconds is too short",
      Effect.gen(function*() {
        const { getNow, prints } = yield* makeGetNow
        // >>> print(get_now('foo')(timeout=4))
        // About to sleep for 5 seconds.
        // Queue.Empty
        const pending = yield* getNow("foo")
        const reading = yield* Effect.fork(Effect.flip(Pending.within(pending, seconds(4))))
        yield* sleep(4)
        const empty = yield* Fiber.join(reading)
        assert.strictEqual(empty._tag === "Empty" && empty.reason, "TimedOut")
        if (empty._tag === "Empty") {
          assert.deepStrictEqual(empty.waited, seconds(4))
          assert.strictEqual(empty.key, pending.key)
          assert.include(empty.message, pending.key)
        }

        // The computation is unharmed.
        yield* sleep(2)
        const value = yield* pending
        assert.deepStrictEqual(yield* Effect.flatten(getNow("foo")), value)
        assert.strictEqual(yield* prints, 1)
      })
    )

    test(
      "a timeout of 6 seconds is long enough",
      Effect.gen(function*() {
        const { getNow, prints } = yield* makeGetNow
        // >>> print(get_now('bar')(timeout=6))
        // About to sleep for 5 seconds.
        // 2015-01-12 21:46:49.060883
        const pending = yield* getNow("bar")
        const reading = yield* Effect.fork(Pending.within(pending, seconds(6)))
        yield* sleep(5)
        const value = yield* Fiber.join(reading)
        assert.deepStrictEqual(yield* Pending.poll(pending), value)
        assert.strictEqual(yield* prints, 1)
      })
    )
  })
}
