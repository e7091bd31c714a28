import type { Brand, Stream } from "effect"
import { Data, Duration, Effect, Either, Exit, Option, pipe, Schema, type Scope } from "effect"
import type { CacheError, Redis } from "effect-redis-cache"
import { Cache, Codec } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

class User extends Schema.Class<User>("User")({ id: Schema.String, name: Schema.String }) {}

class Offline extends Data.TaggedError("Offline")<{}> {}

type Shape = { readonly _tag: "Dot" } | { readonly _tag: "Line"; readonly length: number }

type UserId = string & Brand.Brand<"UserId">

/** What an operation fails with, and the services that it needs. */
type Failure = CacheError.RedisError | CacheError.CodecError
type Store = Redis.Redis

declare const user: User
declare const userId: UserId
declare const dot: { readonly _tag: "Dot" }
declare const loadUser: (id: string) => Effect.Effect<User, "Offline", "Http" | Scope.Scope>
declare const loadUsers: (
  ids: ReadonlyArray<string>
) => Effect.Effect<ReadonlyArray<readonly [string, User]>, "Offline", "Http" | Scope.Scope>

const users = Cache.make({ name: "users", schema: User, timeToLive: "10 minutes" })
const bypassing = Cache.make({ name: "users", schema: User, onRedisError: "bypass" })
const numbered = Cache.make({ name: "numbered", key: Schema.Number, schema: User })
const shapes = Cache.make({ name: "shapes", codec: Codec.structural<Shape>() })
const anything = Cache.make({ name: "anything" })
const hits = Cache.counter({ name: "hits", timeToLive: "1 day" })

describe("make", () => {
  it("infers the value of schema and codec, and the key", () => {
    expect(users).type.toBe<Cache.Cache<string, User, Failure, Store>>()
    expect(users).type.toBe<Cache.Cache<string, User>>()
    expect(numbered).type.toBe<Cache.Cache<number, User, Failure, Store>>()
    expect(shapes).type.toBe<Cache.Cache<string, Shape, Failure, Store>>()
    expect(anything).type.toBe<Cache.Cache<string, unknown, Failure, Store>>()
    expect(Cache.make({ name: "dates", schema: Schema.Date })).type.toBe<Cache.Cache<string, Date>>()
    expect(Cache.make({ name: "a", key: Schema.Literal("x", "y") })).type.toBe<Cache.Cache<"x" | "y", unknown>>()
    expect(Cache.make({ name: "a", codec: Codec.json(User).pipe(Codec.compressed()) })).type.toBe<
      Cache.Cache<string, User>
    >()
  })

  it("excludes RedisError with bypass", () => {
    expect(bypassing).type.toBe<Cache.Cache<string, User, CacheError.CodecError, Store>>()
    expect(Cache.make({ name: "a", onRedisError: "fail" })).type.toBe<Cache.Cache<string, unknown, Failure>>()
    expect(Cache.make({ name: "a", onRedisError: "fail" as "fail" | "bypass" })).type.toBe<
      Cache.Cache<string, unknown, Failure>
    >()
  })

  it("types the policy's functions by key and value", () => {
    expect(Cache.make({
      name: "users",
      key: Schema.Number,
      schema: User,
      timeToLive: (value, key) => {
        expect(value).type.toBe<User>()
        expect(key).type.toBe<number>()
        return "1 minute"
      },
      tags: (key) => {
        expect(key).type.toBe<number>()
        return []
      },
      valueTags: (value, key) => {
        expect(value).type.toBe<User>()
        expect(key).type.toBe<number>()
        return [value.name]
      }
    })).type.toBe<Cache.Cache<number, User>>()
  })

  it("refuses unknown options, and a schema together with a codec", () => {
    // @ts-expect-error: Object literal may only specify known properties, but 'timeToLife' does not exist
    Cache.make({ name: "a", timeToLife: 1 })
    // @ts-expect-error: Types of property 'codec' are incompatible
    Cache.make({ name: "a", schema: User, codec: Codec.structural<User>() })
    // @ts-expect-error: Argument of type '{}' is not assignable
    Cache.make({})
    // @ts-expect-error: Type '"ignore"' is not assignable to type '"fail" | "bypass" | undefined'
    Cache.make({ name: "a", onRedisError: "ignore" })
  })

  it("refuses schemas that need services", () => {
    const needy = Schema.transformOrFail(Schema.String, Schema.String, {
      decode: (text) => Effect.as(Effect.context<"Http">(), text),
      encode: Effect.succeed
    })
    // @ts-expect-error: Type '"Http"' is not assignable to type 'never'
    Cache.make({ name: "a", schema: needy })
  })

  it("an explicit value type without a schema does not type the keys, and an explicit key type needs a schema", () => {
    // @ts-expect-error: Property 'schema' is missing in type '{ name: string; }'
    Cache.make<User>({ name: "users" })
    // @ts-expect-error: Property 'key' is missing in type
    Cache.make<User, number>({ name: "users", schema: User })
    // @ts-expect-error: Property 'key' is missing in type '{ name: string; }'
    Cache.counter<number>({ name: "hits" })
    expect(Cache.make<User>({ name: "users", codec: Codec.structural() })).type.toBe<Cache.Cache<string, User>>()
    expect(Cache.make<User, number>({ name: "users", key: Schema.Number, schema: User })).type.toBe<
      Cache.Cache<number, User>
    >()
    expect(Cache.make<unknown>({ name: "any" })).type.toBe<Cache.Cache<string, unknown>>()
    expect(Cache.counter<number>({ name: "hits", key: Schema.Number })).type.toBe<Cache.Counter<number>>()
  })

  it("in generic code", () => {
    const bySchema = <Value, Key>(key: Schema.Schema<Key>, schema: Schema.Schema<Value>) =>
      Cache.make({ name: "a", key, schema })
    expect(bySchema(Schema.Number, User)).type.toBe<Cache.Cache<number, User>>()
    const byCodec = <Value>(codec: Codec.Codec<Value>) => Cache.make({ name: "a", codec })
    expect(byCodec(Codec.structural<Shape>())).type.toBe<Cache.Cache<string, Shape>>()
  })

  it("counter", () => {
    expect(hits).type.toBe<Cache.Counter<string>>()
    expect(hits).type.toBeAssignableTo<Cache.Cache<string, number>>()
    expect(Cache.counter({ name: "hits", key: Schema.Number })).type.toBe<Cache.Counter<number>>()
    // @ts-expect-error: Object literal may only specify known properties
    Cache.counter({ name: "hits", onRedisError: "bypass" })
  })

  it("is invariant in key and value", () => {
    expect(shapes).type.not.toBeAssignableTo<Cache.Cache<string, unknown>>()
    expect(shapes).type.not.toBeAssignableTo<Cache.Cache<string, { readonly _tag: "Dot" }>>()
    expect(users).type.not.toBeAssignableTo<Cache.Cache<"42", User>>()
    expect(bypassing).type.toBeAssignableTo<Cache.Cache<string, User>>()
    expect(users).type.not.toBeAssignableTo<typeof bypassing>()
  })

  it("isCache", () => {
    const u = {} as unknown
    if (Cache.isCache(u)) expect(u).type.toBe<Cache.Cache<any, any, any, any>>()
    expect(Cache.isCache).type.toBe<(u: unknown) => u is Cache.Cache<any, any, any, any>>()
  })
})

describe("data-first", () => {
  it("reads", () => {
    expect(Cache.get(users, "42")).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(Cache.has(users, "42")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.getMany(users, ["42"])).type.toBe<Effect.Effect<ReadonlyMap<string, User>, Failure, Store>>()
    expect(Cache.getMany(numbered, new Set([1]))).type.toBe<Effect.Effect<ReadonlyMap<number, User>, Failure, Store>>()
    expect(Cache.timeToLive(users, "42")).type.toBe<
      Effect.Effect<Option.Option<Duration.Duration>, Failure, Store>
    >()
    expect(Cache.keys(users)).type.toBe<Stream.Stream<string, CacheError.RedisError, Store>>()
    expect(Cache.keys(numbered)).type.toBe<Stream.Stream<string, CacheError.RedisError, Store>>()
    expect(Cache.get(hits, "42")).type.toBe<Effect.Effect<Option.Option<number>, Failure, Store>>()
  })

  it("writes", () => {
    expect(Cache.set(users, "42", user)).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.set(users, "42", user, { timeToLive: "1 hour", tags: ["a"] })).type.toBe<
      Effect.Effect<void, Failure, Store>
    >()
    expect(Cache.setMany(users, [["42", user]])).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.setMany(users, { "42": user })).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.setMany(users, new Map([["42", user]]), { tags: [] })).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.setMany(numbered, [[42, user]])).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.setIfAbsent(users, "42", user)).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.touch(users, "42", "1 hour")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
  })

  it("deletes", () => {
    expect(Cache.delete(users, "42")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.take(users, "42")).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(Cache.deleteMany(users, ["42"])).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(Cache.flush(users)).type.toBe<Effect.Effect<number, CacheError.RedisError, Store>>()
    expect(Cache.invalidateTags(users, ["a"])).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.expire(users, "42")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.expireMany(users, ["42"])).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(Cache.expireTags(users, ["a"])).type.toBe<Effect.Effect<void, Failure, Store>>()
  })

  it("runs in another mode", () => {
    const effect = Cache.get(bypassing, "42")
    expect(Cache.withMode(effect, "off")).type.toBe<typeof effect>()
    expect(pipe(effect, Cache.withMode("refresh"))).type.toBe<typeof effect>()
    // It needs a Redis to run in, whatever the effect needs.
    expect(Cache.withMode(Effect.fail("no"), "readOnly")).type.toBe<Effect.Effect<never, string, Store>>()
    expect(Cache.withMode).type.not.toBeCallableWith(effect, "none")
  })

  it("watches", () => {
    expect(Cache.stats(users)).type.toBe<Effect.Effect<Cache.Stats, never, Store>>()
    expect(Cache.explain(users, "42")).type.toBe<Effect.Effect<Cache.Explanation, Failure, Store>>()
  })

  it("keys and values are the cache's", () => {
    // @ts-expect-error: Argument of type 'number' is not assignable to parameter of type 'string'
    Cache.get(users, 42)
    // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'
    Cache.get(numbered, "42")
    // @ts-expect-error: Type 'number' is not assignable to type 'string'
    Cache.getMany(users, [42])
    // @ts-expect-error: Object literal may only specify known properties
    Cache.set(users, "42", user, { ttl: 1 })
  })

  // "Overload 1": of those that the call could be.
  it("compile errors begin with the actual cause", () => {
    // @ts-expect-error: Overload 1 of 3, '(self...Argument of type '{ id: string; }' is not assignable to parameter of type 'User'...Overload 2
    Cache.set(users, "42", { id: "42" })
    // @ts-expect-error: Overload 1 of 3, '(self...Argument of type 'number' is not assignable to parameter of type 'string'...Overload 2
    Cache.set(users, 42, user)
    // @ts-expect-error: Overload 1 of 3, '(self...Argument of type '{ id: string; }' is not assignable to parameter of type 'User'...Overload 2
    Cache.setIfAbsent(users, "42", { id: "42" })
    // @ts-expect-error: The last overload gave the following error...Type '[number, User]' is not assignable to type 'readonly [string, NoInfer<User>]'
    Cache.setMany(users, [[42, user]])
    // @ts-expect-error: The last overload gave the following error...Type 'string' is not assignable to type 'User'
    Cache.setMany(users, { "42": "user" })
    // @ts-expect-error: The last overload gave the following error..."the keys of this cache are not strings: give pairs"
    Cache.setMany(numbered, { "42": user })
    // @ts-expect-error: Overload 1 of 3, '(self...Type 'string' is not assignable to type 'NoInfer<User> | Unchanged'...Overload 2
    Cache.getOrSet(users, "42", Effect.succeed("user"))
    // @ts-expect-error: Overload 1 of 3, '(self...Type 'string' is not assignable to type 'number'...Overload 2
    Cache.getOrSet(users, "42", (_id: number) => Effect.succeed(user))
    // @ts-expect-error: Overload 1 of 3, '(self...Type 'string' is not assignable to type 'User'...Overload 2
    Cache.modify(users, "42", () => Effect.succeedSome("user"))
    // @ts-expect-error: Argument of type '{ id: string; }' is not assignable to parameter of type '{ id: string; } & NoInfer<User>'
    pipe(users, Cache.set("42", { id: "42" }))
  })

  it("takes parts of the key's and the value's type", () => {
    expect(Cache.get(users, userId)).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(Cache.set(shapes, "42", dot)).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.getOrSet(shapes, userId, () => Effect.succeed({ _tag: "Line", length: 1 }))).type.toBe<
      Effect.Effect<Shape, Failure, Store>
    >()
  })
})

describe("a forgotten yield* or await, in a cache of unknown", () => {
  const effect = Effect.sync(() => 1)
  const promise = Promise.resolve(1)

  it("does not compile", () => {
    // @ts-expect-error: Argument of type 'Effect<number, never, never>' is not assignable to parameter of type '"an Effect is not a value: yield it
    Cache.set(anything, "42", effect)
    // @ts-expect-error: Argument of type 'Promise<number>' is not assignable to parameter of type '"a promise is not a value: await it
    Cache.set(anything, "42", promise)
    // @ts-expect-error: "an Effect is not a value
    Cache.set(anything, "42", {} as number | typeof effect)
    // @ts-expect-error: Argument of type 'Effect<number, never, never>' is not assignable to parameter of type '"an Effect is not a value: yield it
    Cache.setIfAbsent(anything, "42", effect)
    // @ts-expect-error: "an Effect is not a value
    Cache.setMany(anything, [["42", effect]])
    // @ts-expect-error: Type 'Effect<number, never, never>' is not assignable to type '"an Effect is not a value
    Cache.setMany(anything, { "42": effect })
    // @ts-expect-error: "an Effect is not a value
    Cache.modify(anything, "42", () => Option.some(effect))
    // @ts-expect-error: "an Effect is not a value
    Cache.modify(anything, "42", () => Effect.succeedSome(effect))
    // @ts-expect-error: "an Effect is not a value
    Cache.getOrSet(anything, "42", () => Effect.succeed(effect))
    // @ts-expect-error: "an Effect is not a value
    Cache.getOrSet(anything, "42", Effect.succeed(effect))
    // @ts-expect-error: "an Effect is not a value
    Cache.refresh(anything, "42", () => Effect.succeed(effect))
    // @ts-expect-error: "an Effect is not a value
    Cache.getOrSetMany(anything, ["42"], () => Effect.succeed([["42", effect] as const]))
    // @ts-expect-error: "an Effect is not a value
    pipe(anything, Cache.set("42", effect))
    // @ts-expect-error: "an Effect is not a value
    pipe(anything, Cache.setMany([["42", effect]]))
    // @ts-expect-error: "an Effect is not a value
    pipe(anything, Cache.setMany({ "42": effect }))
    // @ts-expect-error: "an Effect is not a value
    pipe(anything, Cache.getOrSet("42", Effect.succeed(effect)))
    // @ts-expect-error: Argument of type 'Effect<number, never, never>' is not assignable to parameter of type 'User'
    Cache.set(users, "42", effect)
  })

  it("is not detected in data, nor in `any` or `unknown`", () => {
    type Set = Effect.Effect<void, Failure, Store>
    expect(Cache.set(anything, "42", Option.some(1))).type.toBe<Set>()
    expect(Cache.set(anything, "42", Either.left(1))).type.toBe<Set>()
    expect(Cache.set(anything, "42", Exit.succeed(1))).type.toBe<Set>()
    expect(Cache.set(anything, "42", new Offline())).type.toBe<Set>()
    expect(Cache.set(anything, "42", undefined)).type.toBe<Set>()
    expect(Cache.set(anything, "42", {} as unknown)).type.toBe<Set>()
    expect(Cache.set(anything, "42", JSON.parse("1"))).type.toBe<Set>()
    expect(Cache.setMany(anything, [["42", 1], ["43", { a: "b" }]])).type.toBe<Set>()
    expect(Cache.setMany(anything, { "42": 1, "43": "a" })).type.toBe<Set>()
    expect(Cache.modify(anything, "42", () => Option.some(1))).type.toBe<
      Effect.Effect<Option.Option<unknown>, Failure, Store>
    >()
    expect(Cache.getOrSet(anything, "42", () => Effect.succeed(1))).type.toBe<Effect.Effect<unknown, Failure, Store>>()
  })

  it("code that is generic in the value compiles", () => {
    const writes = <Value>(cache: Cache.Cache<string, Value>, value: Value) => [
      Cache.set(cache, "42", value),
      Cache.setIfAbsent(cache, "42", value),
      Cache.setMany(cache, [["42", value]]),
      Cache.setMany(cache, { "42": value }),
      Cache.modify(cache, "42", () => Option.some(value)),
      Cache.getOrSet(cache, "42", () => Effect.succeed(value)),
      Cache.refresh(cache, "42", Effect.succeed(value)),
      Cache.getOrSetMany(cache, ["42"], (keys) => Effect.succeed(keys.map((key) => [key, value] as const))),
      pipe(cache, Cache.set("42", value)),
      Cache.set(anything, "42", value),
      Cache.getOrSet(anything, "42", () => Effect.succeed(value))
    ]
    expect(writes(users, user)).type.toBeAssignableTo<ReadonlyArray<Effect.Effect<unknown, Failure, Store>>>()
  })
})

describe("increment", () => {
  it("accepts only counters", () => {
    expect(Cache.increment(hits, "42")).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(Cache.increment(hits, "42", -2)).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(pipe(hits, Cache.increment("42", 2))).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(pipe(hits, Cache.increment(userId))).type.toBe<Effect.Effect<number, Failure, Store>>()
    const numbers = Cache.make({ name: "numbers", schema: Schema.Number })
    // @ts-expect-error: Argument of type 'Cache<string, number, RedisError | CodecError, Redis>' is not assignable
    Cache.increment(numbers, "42", 1)
    // @ts-expect-error: Argument of type 'Cache<string, User, RedisError | CodecError, Redis>' is not assignable
    Cache.increment(users, "42", 1)
    // @ts-expect-error: Argument of type
    pipe(numbers, Cache.increment("42"))
  })
})

describe("expire", () => {
  it("refuses counters", () => {
    expect(Cache.expire(Cache.make({ name: "numbers", schema: Schema.Number }), "42")).type.toBe<
      Effect.Effect<boolean, Failure, Store>
    >()
    // @ts-expect-error: Argument of type 'Counter<string>' is not assignable
    Cache.expire(hits, "42")
    // @ts-expect-error: Argument of type 'Counter<string>' is not assignable
    Cache.expireMany(hits, ["42"])
    // @ts-expect-error: Argument of type 'Counter<string>' is not assignable
    Cache.expireTags(hits, ["a"])
    // @ts-expect-error: Argument of type
    pipe(hits, Cache.expire("42"))
  })

  it("accepts only keys of the cache's type", () => {
    expect(Cache.expire(numbered, 42)).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    // @ts-expect-error: Argument of type 'string' is not assignable
    Cache.expire(numbered, "42")
    // @ts-expect-error: Type 'string' is not assignable
    Cache.expireMany(numbered, ["42"])
  })
})

describe("modify", () => {
  it("accepts an option, or an effect of one", () => {
    expect(Cache.modify(users, "42", (found) => {
      expect(found).type.toBe<Option.Option<User>>()
      return found
    })).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(
      Cache.modify(users, "42", () => ({}) as Effect.Effect<Option.Option<User>, "Offline", "Http">)
    ).type.toBe<Effect.Effect<Option.Option<User>, Failure | "Offline", Store | "Http">>()
    expect(Cache.modify(shapes, "42", () => ({}) as Option.Option<{ readonly _tag: "Dot" }>)).type.toBe<
      Effect.Effect<Option.Option<Shape>, Failure, Store>
    >()
    expect(pipe(users, Cache.modify("42", (found) => found))).type.toBe<
      Effect.Effect<Option.Option<User>, Failure, Store>
    >()
    expect(
      pipe(shapes, Cache.modify("42", () => ({}) as Effect.Effect<Option.None<never>, "Offline", "Http">))
    ).type.toBe<Effect.Effect<Option.Option<Shape>, Failure | "Offline", Store | "Http">>()
    // @ts-expect-error: Overload 1 of 3, '(self...Type 'User' is not assignable to type 'Option<NoInfer<User>>'...Overload 2
    Cache.modify(users, "42", () => Effect.succeed(user))
    expect(Cache.modify(bypassing, "42", (found) => found)).type.toBe<
      Effect.Effect<Option.Option<User>, Failure, Store>
    >()
  })
})

describe("loads", () => {
  it("getOrSet: the load's errors and services, without Scope", () => {
    expect(Cache.getOrSet(users, "42", loadUser)).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", loadUser("42"))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", (id) => {
      expect(id).type.toBe<string>()
      return Effect.succeed(user)
    })).type.toBe<Effect.Effect<User, Failure, Store>>()
    expect(Cache.getOrSet(users, "42", Effect.fail("Offline" as const))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store>
    >()
  })

  it("getOrSet: only a timeout adds Empty", () => {
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: "1 second" })).type.toBe<
      Effect.Effect<User, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    expect(
      Cache.getOrSet(users, "42", loadUser, {
        tags: ["a"],
        forceRefresh: true,
        timeToLive: (value, key) => {
          expect(value).type.toBe<User>()
          expect(key).type.toBe<string>()
          return "1 minute"
        }
      })
    ).type.toBe<Effect.Effect<User, Failure | "Offline", Store | "Http">>()
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: undefined })).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    const options = {} as Cache.LoadOptions<string, User>
    expect(Cache.getOrSet(users, "42", loadUser, options)).type.toBe<
      Effect.Effect<User, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    // @ts-expect-error: Object literal may only specify known properties
    Cache.getOrSet(users, "42", loadUser, { timeOut: 1 })
  })

  it("getOrSet: of two timeouts, only a hard one adds Empty", () => {
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: { soft: "100 millis" } })).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: { soft: 100, hard: undefined } })).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: { soft: "100 millis", hard: "2 seconds" } })).type.toBe<
      Effect.Effect<User, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: { hard: Duration.seconds(2) } })).type.toBe<
      Effect.Effect<User, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    expect(Cache.getOrSet(users, "42", loadUser, { timeout: {} as Cache.Timeouts })).type.toBe<
      Effect.Effect<User, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    expect(pipe(users, Cache.getOrSet("42", loadUser("42"), { timeout: { soft: 1 } }))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSetMany(users, ["42"], loadUsers, { timeout: { soft: 1 } })).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Failure | "Offline", Store | "Http">
    >()
    // @ts-expect-error: Type '{ soft: true; }' is not assignable
    Cache.getOrSet(users, "42", loadUser, { timeout: { soft: true } })
  })

  it("loads receive the previous value, and may keep it", () => {
    expect(
      Cache.getOrSet(users, "42", (id, previous) => {
        expect(id).type.toBe<string>()
        expect(previous).type.toBe<Option.Option<Cache.Previous<User>>>()
        return Effect.succeed(Option.isSome(previous) ? Cache.unchanged : user)
      })
    ).type.toBe<Effect.Effect<User, Failure, Store>>()
    expect(
      Cache.refresh(users, "42", (_id, previous) => Effect.succeed(Option.isSome(previous) ? Cache.unchanged : user))
    )
      .type.toBe<Effect.Effect<User, Failure, Store>>()
    expect(
      Cache.getOrSetMany(users, ["42"], (ids, previous) => {
        expect(previous).type.toBe<ReadonlyMap<string, Cache.Previous<User>>>()
        return Effect.succeed(ids.map((id) => [id, previous.has(id) ? Cache.unchanged : user] as const))
      })
    ).type.toBe<Effect.Effect<ReadonlyMap<string, User>, Failure, Store>>()
    expect(Cache.getOrSet(anything, "42", () => Effect.succeed(Math.random() > 0.5 ? Cache.unchanged : 1))).type.toBe<
      Effect.Effect<unknown, Failure, Store>
    >()
    // Data-last, the previous value's type is only known together with the cache: annotate it.
    expect(
      pipe(
        users,
        Cache.getOrSet(
          "42",
          (_id: string, previous: Option.Option<Cache.Previous<User>>) =>
            Effect.succeed(Option.isSome(previous) ? Cache.unchanged : user)
        )
      )
    ).type.toBe<Effect.Effect<User, Failure, Store>>()
    // @ts-expect-error: Type 'string' is not assignable to type 'NoInfer<User> | Unchanged'
    Cache.getOrSet(users, "42", () => Effect.succeed(Math.random() > 0.5 ? Cache.unchanged : "user"))
    // @ts-expect-error: Argument of type 'Unchanged' is not assignable to parameter of type 'User'
    Cache.set(users, "42", Cache.unchanged)
  })

  it("catchTag removes what it names", () => {
    expect(
      Cache.getOrSet(users, "42", Effect.succeed(user), { timeout: 1 }).pipe(
        Effect.catchTag("Empty", () => Effect.succeed(user))
      )
    ).type.toBe<Effect.Effect<User, Failure, Store>>()
    expect(
      Cache.get(users, "42").pipe(Effect.catchTag("RedisError", () => Effect.fail("gone" as const)))
    ).type.toBe<Effect.Effect<Option.Option<User>, CacheError.CodecError | "gone", Store>>()
    expect(
      Cache.get(users, "42").pipe(Effect.catchTags({
        CodecError: () => Effect.die("bad key"),
        RedisError: () => Effect.interrupt
      }))
    ).type.toBe<Effect.Effect<Option.Option<User>, never, Store>>()
  })

  it("getOrSetMany and refresh", () => {
    expect(Cache.getOrSetMany(users, ["42"], loadUsers)).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Failure | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSetMany(users, ["42"], (absent) => {
      expect(absent).type.toBe<ReadonlyArray<string>>()
      return Effect.succeed([["42", user]])
    }, { tags: ["a"] })).type.toBe<Effect.Effect<ReadonlyMap<string, User>, Failure, Store>>()
    expect(Cache.refresh(users, "42", loadUser)).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    // Only a timeout adds Empty.
    expect(Cache.getOrSetMany(users, ["42"], loadUsers, { timeout: 1, batchSize: 10, concurrency: 2 })).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Failure | "Offline" | CacheError.Empty, Store | "Http">
    >()
    // @ts-expect-error: Object literal may only specify known properties
    Cache.getOrSetMany(users, ["42"], loadUsers, { forceRefresh: true })
  })

  it("getOrSetMany distinguishes hits from failures", () => {
    const partly = (ids: ReadonlyArray<string>) =>
      Effect.succeed(ids.map((id) => [id, id === "0" ? Cache.failed("NotFound" as const) : user] as const))
    expect(Cache.getOrSetMany(users, ["42"], partly)).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Failure | "NotFound", Store>
    >()
    expect(Cache.getOrSetMany(users, ["42"], partly, { mode: "either" })).type.toBe<
      Effect.Effect<ReadonlyMap<string, Either.Either<User, Failure | "NotFound">>, Failure, Store>
    >()
    expect(pipe(users, Cache.getOrSetMany(["42"], partly, { mode: "either" }))).type.toBe<
      Effect.Effect<ReadonlyMap<string, Either.Either<User, Failure | "NotFound">>, Failure, Store>
    >()
  })
})

describe("bypass removes RedisError", () => {
  type Only = CacheError.CodecError

  it("from reads, writes and loads", () => {
    expect(Cache.get(bypassing, "42")).type.toBe<Effect.Effect<Option.Option<User>, Only, Store>>()
    expect(Cache.getMany(bypassing, ["42"])).type.toBe<Effect.Effect<ReadonlyMap<string, User>, Only, Store>>()
    expect(Cache.has(bypassing, "42")).type.toBe<Effect.Effect<boolean, Only, Store>>()
    expect(Cache.timeToLive(bypassing, "42")).type.toBe<Effect.Effect<Option.Option<Duration.Duration>, Only, Store>>()
    expect(Cache.set(bypassing, "42", user)).type.toBe<Effect.Effect<void, Only, Store>>()
    expect(Cache.setMany(bypassing, { "42": user })).type.toBe<Effect.Effect<void, Only, Store>>()
    expect(Cache.setIfAbsent(bypassing, "42", user)).type.toBe<Effect.Effect<boolean, Only, Store>>()
    expect(Cache.touch(bypassing, "42", 1)).type.toBe<Effect.Effect<boolean, Only, Store>>()
    expect(Cache.getOrSet(bypassing, "42", loadUser)).type.toBe<
      Effect.Effect<User, Only | "Offline", Store | "Http">
    >()
    expect(Cache.getOrSetMany(bypassing, ["42"], loadUsers)).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Only | "Offline", Store | "Http">
    >()
    expect(Cache.refresh(bypassing, "42", loadUser)).type.toBe<
      Effect.Effect<User, Only | "Offline", Store | "Http">
    >()
  })

  it("and from no other operation", () => {
    expect(Cache.delete(bypassing, "42")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.take(bypassing, "42")).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(Cache.deleteMany(bypassing, ["42"])).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(Cache.flush(bypassing)).type.toBe<Effect.Effect<number, CacheError.RedisError, Store>>()
    expect(Cache.invalidateTags(bypassing, [])).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.expire(bypassing, "42")).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(Cache.expireTags(bypassing, [])).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(Cache.keys(bypassing)).type.toBe<Stream.Stream<string, CacheError.RedisError, Store>>()
    expect(Cache.explain(bypassing, "42")).type.toBe<Effect.Effect<Cache.Explanation, Failure, Store>>()
  })
})

describe("data-last", () => {
  it("reads", () => {
    expect(pipe(users, Cache.get("42"))).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(users.pipe(Cache.get("42"))).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(pipe(numbered, Cache.get(42))).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(pipe(users, Cache.has("42"))).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(pipe(users, Cache.getMany(["42"]))).type.toBe<Effect.Effect<ReadonlyMap<string, User>, Failure, Store>>()
    expect(pipe(users, Cache.timeToLive("42"))).type.toBe<
      Effect.Effect<Option.Option<Duration.Duration>, Failure, Store>
    >()
    expect(pipe(users, Cache.keys)).type.toBe<Stream.Stream<string, CacheError.RedisError, Store>>()
    expect(pipe(users, Cache.explain("42"))).type.toBe<Effect.Effect<Cache.Explanation, Failure, Store>>()
    expect(pipe(users, Cache.stats)).type.toBe<Effect.Effect<Cache.Stats, never, Store>>()
  })

  it("writes", () => {
    expect(pipe(users, Cache.set("42", user))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(users, Cache.set("42", user, { timeToLive: 1 }))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(users, Cache.setMany([["42", user]]))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(users, Cache.setMany({ "42": user }))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(users, Cache.setIfAbsent("42", user))).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(pipe(users, Cache.touch("42", "1 hour"))).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(pipe(anything, Cache.set("42", 1))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(hits, Cache.set("42", 1))).type.toBe<Effect.Effect<void, Failure, Store>>()
  })

  it("deletes", () => {
    expect(pipe(users, Cache.delete("42"))).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(pipe(users, Cache.take("42"))).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(pipe(users, Cache.deleteMany(["42"]))).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(pipe(users, Cache.flush)).type.toBe<Effect.Effect<number, CacheError.RedisError, Store>>()
    expect(pipe(users, Cache.invalidateTags(["a"]))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(users, Cache.expire("42"))).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(pipe(users, Cache.expireMany(["42"]))).type.toBe<Effect.Effect<number, Failure, Store>>()
    expect(pipe(users, Cache.expireTags(["a"]))).type.toBe<Effect.Effect<void, Failure, Store>>()
  })

  it("loads", () => {
    expect(pipe(users, Cache.getOrSet("42", loadUser))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(pipe(bypassing, Cache.getOrSet("42", loadUser("42"), { timeout: 1 }))).type.toBe<
      Effect.Effect<User, CacheError.CodecError | CacheError.Empty | "Offline", Store | "Http">
    >()
    expect(pipe(
      users,
      Cache.getOrSet("42", (id) => {
        expect(id).type.toBe<string>()
        return loadUser(id)
      }, { tags: ["a"] })
    )).type.toBe<Effect.Effect<User, Failure | "Offline", Store | "Http">>()
    expect(pipe(users, Cache.getOrSetMany(["42"], loadUsers))).type.toBe<
      Effect.Effect<ReadonlyMap<string, User>, Failure | "Offline", Store | "Http">
    >()
    expect(pipe(users, Cache.refresh("42", loadUser))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store | "Http">
    >()
    expect(pipe(users, Cache.refresh("42", Effect.fail("Offline" as const)))).type.toBe<
      Effect.Effect<User, Failure | "Offline", Store>
    >()
    expect(pipe(anything, Cache.getOrSet("42", Effect.succeed(1)))).type.toBe<
      Effect.Effect<unknown, Failure, Store>
    >()
  })

  it("takes parts of the key's and the value's type", () => {
    expect(pipe(shapes, Cache.get(userId))).type.toBe<Effect.Effect<Option.Option<Shape>, Failure, Store>>()
    expect(pipe(shapes, Cache.get("42" as "42" | "43"))).type.toBe<
      Effect.Effect<Option.Option<Shape>, Failure, Store>
    >()
    expect(pipe(shapes, Cache.getMany([userId, "42"]))).type.toBe<
      Effect.Effect<ReadonlyMap<string, Shape>, Failure, Store>
    >()
    expect(pipe(shapes, Cache.set(userId, dot))).type.toBe<Effect.Effect<void, Failure, Store>>()
    expect(pipe(shapes, Cache.set("42", { _tag: "Line", length: 1 }))).type.toBe<
      Effect.Effect<void, Failure, Store>
    >()
    expect(pipe(shapes, Cache.setMany([[userId, dot], ["42", { _tag: "Line", length: 1 }]]))).type.toBe<
      Effect.Effect<void, Failure, Store>
    >()
    expect(pipe(shapes, Cache.setMany({ a: dot, b: { _tag: "Line", length: 1 } }))).type.toBe<
      Effect.Effect<void, Failure, Store>
    >()
    expect(pipe(shapes, Cache.getOrSet(userId, Effect.succeed({ _tag: "Line", length: 1 })))).type.toBe<
      Effect.Effect<Shape, Failure, Store>
    >()
  })

  it("by itself, fits any cache of that key and value", () => {
    const getIt = Cache.get("42")
    expect(getIt(users)).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(getIt(bypassing)).type.toBe<Effect.Effect<Option.Option<User>, CacheError.CodecError, Store>>()
    // @ts-expect-error: Argument of type
    getIt(numbered)
    const setIt = Cache.set("42", user)
    expect(setIt(users)).type.toBe<Effect.Effect<void, Failure, Store>>()
  })

  it("refuses other keys and values", () => {
    // @ts-expect-error: Argument of type
    pipe(users, Cache.get(42))
    // @ts-expect-error: Argument of type
    pipe(users, Cache.set("42", { id: "42" }))
    // @ts-expect-error: Argument of type
    pipe(numbered, Cache.setMany({ "42": user }))
  })
})

describe("near copies", () => {
  it("change no type", () => {
    const near = Cache.make({
      name: "near",
      near: { capacity: 10, maxStaleness: "1 second", onDisconnect: "serveStale" }
    })
    expect(near).type.toBe<Cache.Cache<string, unknown>>()
    const options: Cache.NearOptions = { maxBytes: 1_000_000 }
    expect(Cache.make({ name: "near", near: options })).type.toBe<Cache.Cache<string, unknown>>()
  })

  it("are not for counters, and need a bound that is a number", () => {
    // @ts-expect-error: 'near' does not exist in type
    Cache.counter({ name: "hits", near: { capacity: 10 } })
    // @ts-expect-error: Type 'string' is not assignable
    Cache.make({ name: "near", near: { capacity: "10" } })
  })
})

describe("changes", () => {
  it("are a stream that can fail with Redis's errors, even if the cache works without it", () => {
    expect(Cache.changes(users)).type.toBe<Stream.Stream<Cache.Change, CacheError.RedisError, Store>>()
    expect(Cache.changes(hits, { bufferSize: 10 })).type.toBe<
      Stream.Stream<Cache.Change, CacheError.RedisError, Store>
    >()
    expect(bypassing.pipe(Cache.changes)).type.toBe<Stream.Stream<Cache.Change, CacheError.RedisError, Store>>()
  })
})

describe("of", () => {
  it("types the values of a cache without schema, and infers the rest", () => {
    expect(Cache.of<User>()({ name: "a" })).type.toBe<Cache.Cache<string, User>>()
    expect(Cache.of<User>()({ name: "a", key: Schema.Number, onRedisError: "bypass" })).type.toBe<
      Cache.Cache<number, User, CacheError.CodecError>
    >()
    Cache.of<User>()({
      name: "a",
      timeToLive: (value, key) => {
        expect(value).type.toBe<User>()
        expect(key).type.toBe<string>()
        return "1 minute"
      }
    })
    // @ts-expect-error: 'schema' does not exist in type
    Cache.of<User>()({ name: "a", schema: User })
  })
})
