/**
 * Random histories of operations give the same answers in memory and on a real Redis, step by step.
 *
 * Time passes without waiting: TTLs are hours. A step of ninety minutes moves a clock for the memory driver; on Redis,
 * one script subtracts ninety minutes from every TTL and every time in a header. Keys that end this way are expired by
 * Redis itself.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Clock,
  Context,
  Duration,
  Effect,
  Either,
  Exit,
  Layer,
  Logger,
  LogLevel,
  Option,
  type Scope,
  Stream
} from "effect"
import { Cache, Codec, Redis, RedisLayer } from "effect-redis-cache"
import * as fc from "fast-check"
import { Cluster, Redis as Client } from "ioredis"
import { inspect, isDeepStrictEqual } from "node:util"
import { makeService } from "../../src/internal/cache/runtime.js"
import type * as Driver from "../../src/internal/driver/driver.js"
import { memory } from "../../src/internal/driver/memory.js"
import { MemoryServer } from "../../src/internal/driver/memoryServer.js"
import { isMarker } from "../../src/internal/entry/format.js"
import { encodeString } from "../../src/internal/key/encode.js"
import { generationKey, tagKey } from "../../src/internal/key/reserved.js"
import { leaseRequest } from "../support/driverRequests.js"
import * as RedisCluster from "../support/redisCluster.js"
import * as RedisSentinel from "../support/redisSentinel.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const keys = ["a", "b", "", "{a}", "a:b", "%7B", "*", "😀\n"] as const
const tags = ["t", "{u} *"] as const
/** TTLs in minutes. None ends at a multiple of a step, so the duration of a history does not matter. */
const lives = [60, 200] as const
const stepMinutes = 90

const kinds = ["plain", "newer", "staling", "tagged", "counter"] as const

/** The caches of one history: no other history uses their names. */
const makeCaches = (id: number) => ({
  plain: Cache.make({ name: `plain${id}` }),
  newer: Cache.make({ name: `plain${id}`, version: 1 }),
  staling: Cache.make({ name: `staling${id}`, timeToLive: "1 hour", staleIfError: "130 minutes" }),
  tagged: Cache.make({
    name: `tagged${id}`,
    codec: Codec.structural<unknown>(),
    timeToLive: (value) => value === null ? 0 : Duration.minutes(200),
    tags: (key) => key.startsWith("a") ? ["t"] : [],
    valueTags: (value) => value === 0 ? ["{u} *"] : []
  }),
  counter: Cache.counter({ name: `counter${id}`, timeToLive: "200 minutes" })
})

type Caches = ReturnType<typeof makeCaches>
type Kind = typeof kinds[number]

// ---- steps

type Step =
  & { readonly on: Kind }
  & (
    | { readonly do: "get" | "has" | "delete" | "take" | "timeToLive" | "explain" | "lease"; readonly key: string }
    | { readonly do: "set" | "setIfAbsent" | "modify" | "getOrSet" | "refresh"; readonly key: string } & Written
    | { readonly do: "expireMany"; readonly keys: ReadonlyArray<string> }
    | { readonly do: "touch"; readonly key: string; readonly minutes: number }
    | { readonly do: "increment"; readonly key: string; readonly delta: number }
    | { readonly do: "getMany" | "deleteMany"; readonly keys: ReadonlyArray<string> }
    | { readonly do: "setMany" | "getOrSetMany"; readonly pairs: ReadonlyArray<readonly [string, unknown]> }
    | { readonly do: "plant"; readonly key: string; readonly bytes: Uint8Array; readonly minutes: number }
    | { readonly do: "invalidateTags" | "expireTags"; readonly tags: ReadonlyArray<string> }
    | Held
    | { readonly do: "together"; readonly steps: ReadonlyArray<Step> }
    | { readonly do: "keys" | "flush" | "stats" | "pass" }
  )

/** An update of the source, one of three, begins, goes on, or ends. */
interface Held {
  readonly do: "hold" | "renew" | "endHold" | "cancel"
  readonly update: number
  readonly keys: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
  readonly minutes: number
  /** The hold stays behind. */
  readonly lingers: boolean
  /** The first key is written. */
  readonly writes: boolean
}

interface Written {
  readonly value: unknown
  readonly minutes: number | undefined
  readonly tags: ReadonlyArray<string> | undefined
}

const key = fc.constantFrom(...keys)
const someKeys = fc.array(key, { maxLength: 4 })
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(0, 1, "", "text", null, undefined, false, NaN, -0) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>({ a: [1, { b: undefined }] }, new Map([["k", 1n]]), () => "refused")
  }
)
const minutes = fc.constantFrom(...lives)
const written = fc.record({
  value,
  minutes: fc.option(minutes, { nil: undefined, freq: 2 }),
  tags: fc.option(fc.subarray([...tags]), { nil: undefined, freq: 3 })
})
const foreignBytes = fc.constantFrom(
  Uint8Array.of(),
  Uint8Array.of(0x68, 0x69),
  Uint8Array.of(0x34, 0x32), // the counter 42
  Uint8Array.of(0xe2, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 1), // of a newer format
  Uint8Array.of(0xe1, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0xc1), // does not decode
  Uint8Array.of(0xe1, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 1), // the structural value 1
  Uint8Array.of(0xe1, 4, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 9), // tags cut short
  Uint8Array.of(0xe1, 2, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 9) // a lease cut short
)

const on = fc.constantFrom(...kinds)
const one = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      on,
      do: fc.constantFrom(...["get", "has", "delete", "take", "timeToLive", "explain", "lease"] as const),
      key
    })
  },
  {
    weight: 12,
    arbitrary: fc.tuple(
      fc.record({
        on,
        do: fc.constantFrom(...["set", "set", "setIfAbsent", "modify", "getOrSet", "refresh"] as const),
        key
      }),
      written
    ).map(([step, options]) => ({ ...step, ...options }))
  },
  { weight: 4, arbitrary: fc.record({ on, do: fc.constant("touch" as const), key, minutes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      on: fc.constant("counter" as const),
      do: fc.constant("increment" as const),
      key,
      delta: fc.constantFrom(1, -1, 5, 0, -0, 0.5, Number.MAX_SAFE_INTEGER)
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ on, do: fc.constantFrom(...["getMany", "deleteMany"] as const), keys: someKeys })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      on: fc.constantFrom(...kinds.filter((kind) => kind !== "counter")),
      do: fc.constant("expireMany" as const),
      keys: someKeys
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      on,
      do: fc.constantFrom("setMany" as const, "getOrSetMany" as const),
      pairs: fc.array(fc.tuple(key, value), { maxLength: 4 })
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ on, do: fc.constant("plant" as const), key, bytes: foreignBytes, minutes })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      on: fc.constantFrom(...kinds.filter((kind) => kind !== "counter")),
      do: fc.constantFrom(...["invalidateTags", "expireTags"] as const),
      tags: fc.subarray([...tags])
    })
  },
  {
    weight: 6,
    arbitrary: fc.record({
      on: fc.constantFrom(...kinds.filter((kind) => kind !== "counter")),
      do: fc.constantFrom(...["hold", "renew", "endHold", "endHold", "cancel"] as const),
      update: fc.nat(2),
      keys: someKeys,
      tags: fc.subarray([...tags]),
      // The end of a hold is a real time, which does not pass with this simulated time.
      minutes: fc.constant(100_000),
      lingers: fc.boolean(),
      writes: fc.boolean()
    })
  },
  { weight: 2, arbitrary: fc.record({ on, do: fc.constantFrom(...["keys", "flush"] as const) }) },
  { weight: 3, arbitrary: fc.record({ on: fc.constant("plain" as const), do: fc.constant("pass" as const) }) }
) as fc.Arbitrary<Step> // the union of its members, which `oneof` is too wide for

const takesOneTurn = (each: Step): boolean =>
  each.on !== "tagged" && (
    ["get", "has", "getMany", "setMany"].includes(each.do) || (each.do === "set" && each.tags === undefined)
  )

const step = fc.oneof(
  { weight: 15, arbitrary: one },
  {
    // Operations of one tick are sent together. Steps that take several turns would race.
    weight: 1,
    arbitrary: fc.record({
      on: fc.constant("plain" as const),
      do: fc.constant("together" as const),
      steps: fc.array(one.filter(takesOneTurn), { minLength: 2, maxLength: 6 })
    })
  }
) as fc.Arbitrary<Step> // as above

// Most mistakes show in short histories, some only in long ones.
const history = fc.oneof(
  { weight: 3, arbitrary: fc.array(step, { minLength: 1, maxLength: 12, size: "max" }) },
  { weight: 1, arbitrary: fc.array(step, { minLength: 1, maxLength: 50, size: "max" }) }
)

// ---- one step

const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

const roundedMinutes = (life: Option.Option<Duration.Duration>): unknown =>
  Option.getOrUndefined(Option.map(life, (left) => Math.round(Duration.toMinutes(left))))

const plant = (redisKey: string, bytes: Uint8Array, life: number) =>
  Effect.flatMap(Redis.Redis, ({ driver }) =>
    driver.set({ key: redisKey, bytes, life }, {
      onSuccess: () => Effect.void,
      onFailure: (error) => Effect.fail(error)
    }))

/** Another process's load begins. */
const lease = (redisKey: string, kind: Driver.Kind) =>
  Effect.gen(function*() {
    const { driver } = yield* Redis.Redis
    const seen = (yield* driver.inspect(redisKey))?.bytes
    const request = leaseRequest({ key: redisKey, seen, token, duration: 3_600_000, life: 3_600_000 })
    const [reply] = yield* driver.lease([request], kind)
    return reply!._tag
  })

/** It ends without a value; later loads would wait for it otherwise. */
const release = (redisKeys: ReadonlyArray<string>) =>
  Effect.flatMap(Redis.Redis, ({ driver }) => driver.release(redisKeys.map((each) => ({ key: each, token }))))

/** What an update does to its holds, as `Cache.invalidating` does; with several processes, none waits. */
const holding = (redisKeys: ReadonlyArray<string>, cache: string, step: Held) =>
  Effect.flatMap(Redis.Redis, ({ driver }) => {
    const millis = step.minutes * 60_000
    const request = {
      token: new Uint8Array(8).fill(10 + step.update),
      keys: [...new Set(redisKeys)],
      tags: step.tags.map((tag) => tagKey(driver.prefix, cache, tag)),
      generation: { key: generationKey(driver.prefix, cache), epoch: crypto.getRandomValues(new Uint8Array(8)) },
      tagsOutlive: 6_000_000
    }
    if (step.do === "hold" || step.do === "renew") {
      return driver.hold({ ...request, duration: millis, renews: step.do === "renew" })
    }
    const [first] = redisKeys
    const bytes = Uint8Array.of(0xe1, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 1)
    return driver.endHold({
      ...request,
      linger: step.lingers ? millis : 0,
      writes: new Map(step.writes && first !== undefined ? [[first, { bytes, life: millis }]] : []),
      cancels: step.do === "cancel"
    })
  })

const redisKeyOf = (prefix: string, cache: string, each: string): string =>
  `${prefix}${cache}:${Either.getOrThrow(encodeString(each))}`

const answer = (caches: Caches, step: Step): Effect.Effect<unknown, unknown, Redis.Redis> => {
  // Values are of any type here; a counter refuses values that are not numbers, and both sides must refuse alike.
  const cache = caches[step.on] as unknown as Cache.Cache<string, unknown>
  const options = "minutes" in step && "tags" in step
    ? { timeToLive: step.minutes === undefined ? undefined : Duration.minutes(step.minutes), tags: step.tags }
    : {}
  const redisKey = (each: string) =>
    Effect.map(Redis.Redis, ({ driver }) => redisKeyOf(driver.prefix, cache.name, each))
  switch (step.do) {
    case "get":
      return Cache.get(cache, step.key)
    case "has":
      return Cache.has(cache, step.key)
    case "delete":
      return Cache.delete(cache, step.key)
    case "take":
      return Cache.take(cache, step.key)
    case "timeToLive":
      return Effect.map(Cache.timeToLive(cache, step.key), roundedMinutes)
    case "explain":
      return Effect.map(
        Cache.explain(cache, step.key),
        ({ holds, lease: held, life, reason, size, state, tags, timeToLive }) => ({
          state,
          reason,
          size,
          tags: tags.map(({ expired, ...tag }) => ({
            ...tag,
            expired: roundedMinutes(Option.fromNullable(expired))
          })),
          held: Option.isSome(held),
          holds: holds.map((each) => each.token),
          life: roundedMinutes(life),
          timeToLive: roundedMinutes(timeToLive)
        })
      )
    case "lease":
      return Effect.flatMap(redisKey(step.key), (each) => lease(each, step.on === "counter" ? "counter" : "entry"))
    case "set":
      return Cache.set(cache, step.key, step.value, options)
    case "setIfAbsent":
      return Cache.setIfAbsent(cache, step.key, step.value, options)
    case "modify": {
      let found: unknown
      return Cache.modify(cache, step.key, (seen) => {
        found = seen
        return step.value === null ? Option.none() : Option.some(step.value)
      }, options).pipe(Effect.map((left) => [found, left]))
    }
    case "getOrSet": {
      let ran = false
      const load = Effect.sync(() => {
        ran = true
        return step.value
      })
      return redisKey(step.key).pipe(
        Effect.flatMap((each) => release([each])),
        Effect.zipRight(Cache.getOrSet(cache, step.key, load, options)),
        Effect.map((loaded) => [loaded, ran])
      )
    }
    case "refresh":
      return Cache.refresh(cache, step.key, Effect.succeed(step.value))
    case "touch":
      return Cache.touch(cache, step.key, Duration.minutes(step.minutes))
    case "increment":
      return Cache.increment(caches.counter, step.key, step.delta)
    case "getMany":
      return Cache.getMany(cache, step.keys)
    case "deleteMany":
      return Cache.deleteMany(cache, step.keys)
    case "expireMany":
      return Cache.expireMany(cache, step.keys)
    case "setMany":
      return Cache.setMany(cache, step.pairs)
    case "getOrSetMany": {
      let asked: ReadonlyArray<string> = []
      const wanted = step.pairs.map(([each]) => each)
      return Effect.forEach(wanted, redisKey).pipe(
        Effect.flatMap(release),
        Effect.zipRight(Cache.getOrSetMany(cache, wanted, (absent) => {
          asked = absent
          return Effect.succeed(step.pairs.filter(([, each]) => each !== ""))
        })),
        Effect.map((found) => [found, asked])
      )
    }
    case "plant":
      return Effect.flatMap(redisKey(step.key), (each) => plant(each, step.bytes, step.minutes * 60_000))
    case "hold":
    case "renew":
    case "endHold":
    case "cancel":
      return Effect.flatMap(
        Effect.forEach(step.keys, redisKey),
        (redisKeys) => holding(redisKeys, cache.name, step)
      )
    case "invalidateTags":
      return Cache.invalidateTags(cache, step.tags)
    case "expireTags":
      return Cache.expireTags(cache, step.tags)
    case "together":
      return Effect.all(step.steps.map((each) => settled(caches, each)), { concurrency: "unbounded" })
    case "keys":
      return Effect.map(
        Stream.runCollect(Cache.keys(cache)),
        (found) => [...new Set(Chunk.toReadonlyArray(found))].sort()
      )
    case "flush":
      return Cache.flush(cache)
    case "stats":
      return Effect.map(Cache.stats(cache), ({ loadTime: _, ...counted }) => counted)
    case "pass":
      return Effect.void // the sides do it
  }
}

/** How a step ended, as far as both sides must agree. Redis's own error texts may differ. */
const settled = (caches: Caches, step: Step): Effect.Effect<unknown, never, Redis.Redis> =>
  Effect.map(Effect.exit(answer(caches, step)), (exit) => {
    if (Exit.isSuccess(exit)) return { succeeded: exit.value }
    const error = Cause.squash(exit.cause)
    return error instanceof Error && "reason" in error ? { failed: error.reason } : { failed: String(error) }
  })

// ---- the two sides

/** A `Redis`, and a way to let its time pass. */
interface Side {
  readonly redis: Redis.Service
  readonly clock: Clock.Clock
  readonly pass: (redisKeys: ReadonlyArray<string>, millis: number) => Effect.Effect<void>
}

const realClock = Clock.make()

const memorySide = (
  mutate: (driver: Driver.Driver) => Driver.Driver = (driver) => driver
): Effect.Effect<Side, never, Scope.Scope> => {
  let time = 1_700_000_000_000
  const nanos = () => BigInt(time) * 1_000_000n
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => time,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => time),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => realClock.sleep(duration)
  }
  return Effect.map(makeService(mutate(memory(new MemoryServer(), ""))), (redis) => ({
    redis,
    clock,
    pass: (_, millis) =>
      Effect.sync(() => {
        time += millis
      })
  }))
}

/** KEYS: keys. ARGV: milliseconds. Subtracts them from every time that each key contains. */
const passScript = `
local function read48(v, at)
  local n = 0
  for i = at, at + 5 do n = n * 256 + string.byte(v, i) end
  return n
end
local function pack48(n)
  local s = ''
  for _ = 1, 6 do
    s = string.char(n % 256) .. s
    n = math.floor(n / 256)
  end
  return s
end
local ms = tonumber(ARGV[1])
for _, key in ipairs(KEYS) do
  local v = redis.call('GET', key)
  if v and #v >= 16 and string.byte(v, 1) == 225 then
    local fresh = read48(v, 10)
    if fresh > 0 then redis.call('SETRANGE', key, 9, pack48(fresh - ms)) end
    if math.floor(string.byte(v, 2) / 2) % 2 == 1 and #v >= 36 then
      redis.call('SETRANGE', key, 24, pack48(read48(v, 25) - ms))
      local own = read48(v, 31)
      if own > 0 then redis.call('SETRANGE', key, 30, pack48(own - ms)) end
    end
  elseif v and #v == 14 then
    redis.call('SETRANGE', key, 8, pack48(read48(v, 9) - ms))
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - ms) end
end
`

const redisSide = (connect: () => Client | Cluster): Effect.Effect<Side, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* Effect.acquireRelease(
      Effect.sync(connect),
      (opened) => Effect.sync(() => opened.disconnect())
    )
    const context = yield* Layer.build(RedisLayer.layerFromClient(client, { prefix: uniquePrefix() }))
    return {
      redis: Context.get(context, Redis.Redis),
      clock: realClock,
      pass: (redisKeys, millis) => {
        // On a cluster they are on different servers.
        const groups = client.isCluster ? redisKeys.map((each) => [each]) : [redisKeys]
        return Effect.asVoid(
          Effect.promise(() =>
            Promise.all(groups.map((group) => client.eval(passScript, group.length, ...group, millis)))
          )
        )
      }
    }
  })

/** Every key that a history may have stored. */
const redisKeysOf = (caches: Caches, prefix: string): ReadonlyArray<string> =>
  [...new Set(Object.values(caches).map(({ name }) => name))].flatMap((name) => [
    ...keys.map((each) => redisKeyOf(prefix, name, each)),
    ...tags.map((tag) => tagKey(prefix, name, tag)),
    generationKey(prefix, name)
  ])

let histories = 0

/** Runs one history on both sides; throws if they differ. */
const compare = async (steps: ReadonlyArray<Step>, left: Side, right: Side): Promise<void> => {
  const caches = makeCaches(++histories)
  const ending = kinds.flatMap((on) => [{ on, do: "getMany", keys } as const, { on, do: "stats" } as const])
  const whole: ReadonlyArray<Step> = [...steps, ...ending]
  const answers = (side: Side) =>
    Effect.forEach(whole, (each) =>
      each.do === "pass"
        ? side.pass(redisKeysOf(caches, side.redis.driver.prefix), stepMinutes * 60_000)
        : settled(caches, each)).pipe(
        // Remaining keys would make every later SCAN longer.
        Effect.zipLeft(side.redis.driver.take(redisKeysOf(caches, side.redis.driver.prefix))),
        Effect.provideService(Redis.Redis, side.redis),
        Effect.withClock(side.clock),
        Logger.withMinimumLogLevel(LogLevel.None),
        Effect.runPromise
      )
  const [here, there] = [await answers(left), await answers(right)]
  for (const [index, each] of whole.entries()) {
    if (isDeepStrictEqual(here[index], there[index])) continue
    throw new Error(
      `step ${index + 1}, ${inspect(each)}: ${inspect(here[index])} here, ${inspect(there[index])} there`
    )
  }
}

const property = (left: Side, right: Side) => fc.asyncProperty(history, (steps) => compare(steps, left, right))

// ---- the tests

/** Mistakes that a driver might make. */
const mutants: Readonly<Record<string, (driver: Driver.Driver) => Partial<Driver.Driver>>> = {
  "a compare-and-set that takes a marker for a value": (driver) => ({
    swap: (request, kind) =>
      Effect.flatMap(driver.inspect(request.key), (found) =>
        found !== undefined && isMarker(found.bytes)
          ? Effect.succeed({ done: false, found: found.bytes })
          : driver.swap(request, kind))
  }),
  "counters that live for ever": (driver) => ({
    increment: (request) => driver.increment({ ...request, life: undefined })
  }),
  "a flush that does not count": (driver) => ({
    clear: (cleared) => Effect.as(driver.clear(cleared), 0)
  }),
  "a touch that forgets the header": (driver) => ({
    touch: (request, kind) => driver.touch({ ...request, freshUntil: 0 }, kind)
  }),
  "deletes that delete nothing": (driver) => ({
    remove: (redisKeys) =>
      driver.getMany(redisKeys, {
        onSuccess: (found) => Effect.succeed(found),
        onFailure: (error) => Effect.fail(error)
      })
  }),
  "a batch of writes without its last": (driver) => ({
    setMany: (writes, reply) => driver.setMany(writes.slice(0, Math.max(1, writes.length - 1)), reply)
  }),
  "an expiry that forgets the windows": (driver) => ({
    expire: (requests) => driver.expire(requests.map((request) => ({ ...request, windows: undefined })))
  }),
  "epochs that stay": () => ({ replaceEpochs: () => Effect.void }),
  "leases that are granted twice": (driver) => ({
    lease: (requests, kind) => driver.lease(requests.map((request) => ({ ...request, force: true })), kind)
  })
}

describe("random histories", () => {
  it.scopedLive(
    "give the same answers in memory and on Redis",
    () =>
      Effect.gen(function*() {
        const left = yield* memorySide()
        const right = yield* redisSide(() => new Client(sharedRedisUrl(), { autoResendUnfulfilledCommands: false }))
        yield* Effect.promise(() => fc.assert(property(left, right), { numRuns: 600 }))
      }),
    120_000
  )

  it.scopedLive(
    "give the same answers in memory and on a cluster",
    () =>
      Effect.gen(function*() {
        const { addresses } = yield* RedisCluster.make(RedisCluster.patientTimeout)
        const left = yield* memorySide()
        const right = yield* redisSide(() => new Cluster([...addresses]))
        yield* Effect.promise(() => fc.assert(property(left, right), { numRuns: 200 }))
      }),
    120_000
  )

  it.scopedLive(
    "give the same answers in memory and on a master that sentinels monitor",
    () =>
      Effect.gen(function*() {
        const { options } = yield* RedisSentinel.make()
        const left = yield* memorySide()
        const right = yield* redisSide(() => new Client({ ...options, autoResendUnfulfilledCommands: false }))
        yield* Effect.promise(() => fc.assert(property(left, right), { numRuns: 150 }))
      }),
    120_000
  )

  for (const [mistake, mutate] of Object.entries(mutants)) {
    it.scopedLive(`find ${mistake}`, () =>
      Effect.gen(function*() {
        const left = yield* memorySide()
        const right = yield* memorySide((driver) => ({ ...driver, ...mutate(driver) }))
        const found = yield* Effect.promise(() =>
          fc.check(property(left, right), { numRuns: 1_000, seed: 1, endOnFailure: true })
        )
        assert.isTrue(found.failed)
      }), 60_000)
  }
})
