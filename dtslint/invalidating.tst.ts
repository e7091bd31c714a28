import { Context, Effect, pipe, Schema } from "effect"
import type { CacheError, Redis } from "effect-redis-cache"
import { Cache, Memo } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

class User extends Schema.Class<User>("User")({ id: Schema.String, name: Schema.String }) {}

class Sql extends Context.Tag("Sql")<Sql, {}>() {}

type Failure = CacheError.RedisError | CacheError.CodecError

const users = Cache.make({ name: "users", schema: User })
const bypassing = Cache.make({ name: "users", schema: User, onRedisError: "bypass" })
const numbered = Cache.make({ name: "numbered", key: Schema.Number, schema: User })
const anything = Cache.make({ name: "anything" })
const hits = Cache.counter({ name: "hits" })

declare const update: Effect.Effect<User, "Offline", Sql>

type Updated = Effect.Effect<User, "Offline" | Failure, Sql | Redis.Redis>

describe("invalidating", () => {
  it("keeps what the update gives and needs, and adds what the cache fails with", () => {
    expect(update.pipe(Cache.invalidating(users, ["42"]))).type.toBe<Updated>()
    expect(Cache.invalidating(update, users, ["42"])).type.toBe<Updated>()
    expect(pipe(update, Cache.invalidating(users, new Set(["42"]), { tags: ["team:7"], linger: "1 second" }))).type
      .toBe<
        Updated
      >()
    expect(Cache.invalidating(update, users, [], { hold: "10 seconds" })).type.toBe<Updated>()
  })

  it("takes keys of the result", () => {
    expect(update.pipe(Cache.invalidating(users, (user) => [user.id]))).type.toBe<Updated>()
    expect(Cache.invalidating(update, users, (user) => [user.id], { linger: "1 second" })).type.toBe<Updated>()
    // @ts-expect-error is not assignable to parameter of type 'ListOf<number>'
    Cache.invalidating(update, numbered, (user) => [user.name])
  })

  it("stores what the result says, and only under keys that were held", () => {
    expect(update.pipe(Cache.invalidating(users, ["42"], { store: (user) => [[user.id, user]] }))).type.toBe<Updated>()
    expect(Cache.invalidating(update, users, ["42"], { store: (user) => [["42", user]] })).type.toBe<Updated>()
    expect(update.pipe(Cache.invalidating(users, ["42"], { store: () => [["42", new User({ id: "42", name: "" })]] })))
      .type
      .toBe<Updated>()
    expect(Cache.invalidating(Effect.void, anything, ["42"], { store: () => [["42", 1]] })).type.toBe<
      Effect.Effect<void, Failure, Redis.Redis>
    >()
    // @ts-expect-error Type 'string' is not assignable to type 'User'
    Cache.invalidating(update, users, ["42"], { store: (user) => [["42", user.name]] })
    // @ts-expect-error is not assignable to parameter of type
    Cache.invalidating(update, users, (user: User) => [user.id], { store: (user: User) => [["42", user]] })
  })

  it("cannot fail with RedisError under bypass", () => {
    expect(update.pipe(Cache.invalidating(bypassing, ["42"]))).type.toBe<
      Effect.Effect<User, "Offline" | CacheError.CodecError, Sql | Redis.Redis>
    >()
    expect(Cache.invalidating(update, bypassing, (user) => [user.id])).type.toBe<
      Effect.Effect<User, "Offline" | CacheError.CodecError, Sql | Redis.Redis>
    >()
  })

  it("refuses counters", () => {
    // @ts-expect-error Type '"counter"' is not assignable to type '"Cache.invalidating does not apply to counters"'
    Cache.invalidating(update, hits, ["home"])
    // @ts-expect-error Type '"counter"' is not assignable to type '"Cache.invalidating does not apply to counters"'
    update.pipe(Cache.invalidating(hits, ["home"]))
  })

  it("refuses a string in the place of a list, and keys of another type", () => {
    // @ts-expect-error Argument of type 'string' is not assignable
    Cache.invalidating(update, users, "42")
    // @ts-expect-error Argument of type 'string' is not assignable
    Cache.invalidating(users, "42")
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Cache.invalidating(update, numbered, ["42"])
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    Cache.invalidating(users, [42])
  })
})

describe("busting", () => {
  const getUser = Memo.cached((id: number, _fields?: string) => Effect.succeed({ id, at: _fields ?? "" }), {
    name: "getUser"
  })
  const bypassed = Memo.cached((id: number) => Effect.succeed(id), { name: "bypassed", onRedisError: "bypass" })

  it("takes the arguments of a call", () => {
    expect(update.pipe(getUser.busting([42]))).type.toBe<Updated>()
    expect(update.pipe(getUser.busting([42, "name"], { linger: "1 second" }))).type.toBe<Updated>()
    expect(update.pipe(getUser.busting((user) => [Number(user.id)]))).type.toBe<Updated>()
    expect(update.pipe(getUser.busting([42], { store: (user) => ({ id: 42, at: user.name }) }))).type.toBe<Updated>()
    expect(update.pipe(bypassed.busting([42]))).type.toBe<
      Effect.Effect<User, "Offline" | CacheError.CodecError, Sql | Redis.Redis>
    >()
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    getUser.busting(["42"])
    // @ts-expect-error Source has 3 element(s) but target allows only 2
    getUser.busting([42, "name", 1])
  })

  it("of several calls is invalidating the cache behind them", () => {
    expect(update.pipe(Cache.invalidating(getUser.cache, [[42], [43, "name"]]))).type.toBe<Updated>()
  })

  it("of calls that the result tells needs no cast", () => {
    const { cache } = getUser
    const stored = { id: 42, at: "" }
    expect(Cache.invalidating(update, cache, (user) => [[Number(user.id)]])).type.toBe<Updated>()
    expect(update.pipe(Cache.invalidating(cache, (user: User) => [[Number(user.id)] as const]))).type.toBe<Updated>()
    expect(Cache.invalidating(update, cache, [[42]], { store: (user) => [[[Number(user.id)], stored]] })).type.toBe<
      Updated
    >()
  })

  it("takes branded keys and instances as they are", () => {
    const Id = Schema.String.pipe(Schema.brand("Id"))
    const byId = Cache.make({ name: "byId", key: Id, schema: User })
    const byUser = Cache.make({ name: "byUser", key: User, schema: User })
    expect(Cache.invalidating(update, byId, (user) => [Id.make(user.id)])).type.toBe<Updated>()
    expect(Cache.invalidating(update, byUser, (user) => [user])).type.toBe<Updated>()
    // @ts-expect-error No overload matches this call
    Cache.invalidating(update, byId, (user) => [user.id])
  })

  it("of a property takes none", () => {
    const self = { id: 1 }
    const name = Memo.cachedProperty(self, { name: "name", key: ({ id }) => id }, () => Effect.succeed("Ada"))
    expect(update.pipe(name.busting())).type.toBe<Updated>()
    expect(update.pipe(name.busting({ store: (user) => user.name }))).type.toBe<Updated>()
  })
})
