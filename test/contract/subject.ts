/** What the contract runs over: a layer, caches on it, and ways to look into Redis without the caches. */
import { assert, it } from "@effect/vitest"
import { Chunk, Duration, Effect, type Layer, Logger, LogLevel, Option, Stream, TestClock } from "effect"
import { Cache, type CacheError, Redis } from "effect-redis-cache"
import { inspect, isDeepStrictEqual } from "node:util"
import { leaseRequest } from "../support/driverRequests.js"
import { uniquePrefix } from "../support/sharedRedis.js"

/** Whether a test clock or the server controls the expiry of entries. */
export type Time = "TestClock" | "server"

/** A TTL short enough to wait for. If a server keeps the time, an entry with this TTL may expire at any moment. */
export const short = 50

export const subject = (layer: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>, time: Time) => {
  const run = time === "TestClock" ? it.effect : it.live
  return {
    layer,
    time,
    run,

    /** Runs with a prefix of its own. */
    test: <E>(behaviour: string, body: () => Effect.Effect<void, E, Redis.Redis>): void =>
      run(behaviour, () =>
        Effect.suspend(body).pipe(
          Effect.provide(layer(uniquePrefix())),
          Logger.withMinimumLogLevel(LogLevel.None)
        )),

    /** Lets entries with a TTL of this many milliseconds expire. */
    outlive: (life: number): Effect.Effect<void> =>
      time === "TestClock" ? TestClock.adjust(life) : Effect.sleep(life + 30),

    things: Cache.make({ name: "things" }),
    brief: Cache.make({ name: "brief", timeToLive: short }),
    lasting: Cache.make({ name: "lasting", timeToLive: "1 hour" }),
    /** Stale values stay for an hour. */
    staling: Cache.make({ name: "staling", timeToLive: short, staleIfError: "1 hour" }),
    counts: Cache.counter({ name: "counts" })
  }
}

export type Subject = ReturnType<typeof subject>

export const collect = <Key, Value, Error>(cache: Cache.Cache<Key, Value, Error>) =>
  Effect.map(Stream.runCollect(Cache.keys(cache)), (found) => [...Chunk.toReadonlyArray(found)].sort())

/** Why an operation failed, in one line. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, {
    onFailure: (error) =>
      typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error),
    onSuccess: (value) => `no failure: ${inspect(value)}`
  })

export const failsWith = <A, E, R>(effect: Effect.Effect<A, E, R>, pattern: RegExp): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (message) => assert.match(message, pattern))

export const same = (actual: unknown, expected: unknown): void =>
  assert.isTrue(isDeepStrictEqual(actual, expected), `${inspect(actual)} is not ${inspect(expected)}`)

export const redisKey = (name: string, key: string): Effect.Effect<string, never, Redis.Redis> =>
  Effect.map(Redis.Redis, ({ driver }) => `${driver.prefix}${name}:${key}`)

/** Stores bytes under a key, as another program might. */
export const plant = (name: string, key: string, bytes: string | Uint8Array) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const write = {
      key: yield* redisKey(name, key),
      bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
      life: undefined
    }
    yield* driver.set(write, { onSuccess: () => Effect.void, onFailure: (error) => Effect.fail(error) })
  })

/** The text under a key and its TTL, as another program sees them. */
export const look = (name: string, key: string) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const found = yield* driver.inspect(yield* redisKey(name, key))
    return found === undefined ? undefined : { text: new TextDecoder().decode(found.bytes), life: found.life }
  })

export const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** Another process's load of a key begins: it takes the lease. */
export const plantLease = (name: string, key: string, kind: "entry" | "counter" = "entry") =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const replies = yield* driver.lease(
      [leaseRequest({ key: yield* redisKey(name, key), token })],
      kind
    )
    assert.strictEqual(replies[0]?._tag, "Granted")
  })

export const releaseLease = (name: string, key: string) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    yield* driver.release([{ key: yield* redisKey(name, key), token }])
  })

/** The header of an entry, whose payload follows. */
export const header = (flags: number, ...rest: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.of(0xe1, flags, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, ...rest)

export const minutes = (life: Option.Option<Duration.Duration>): number => Duration.toMinutes(Option.getOrThrow(life))
