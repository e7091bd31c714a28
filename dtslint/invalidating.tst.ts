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
  it("keeps the update's result and services, and adds the cache's errors", () => {
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
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Cache.invalidating(update, numbered, (user) => [user.name])
  })

  it("stores values of the result, and only under keys that were held", () => {
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
    // @ts-expect-error is not assignable to type '"store needs the keys up front: pass a list of keys"'
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

  it("refuses a string instead of a list, and keys of another type", () => {
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

describe("an update that stands by itself", () => {
  it("is of whatever effect it is given", () => {
    const invalidate = Cache.invalidating(users, ["42"], { linger: "1 second" })
    expect(invalidate(update)).type.toBe<Updated>()
    expect(invalidate(Effect.void)).type.toBe<Effect.Effect<void, Failure, Redis.Redis>>()
  })

  it("is of effects with the results that its functions take", () => {
    const told = Cache.invalidating(users, (user: { readonly id: string }) => [user.id])
    expect(told(update)).type.toBe<Updated>()
    const stored = Cache.invalidating(users, ["42"], { store: (user: User) => [["42", user]] })
    expect(stored(update)).type.toBe<Updated>()
    // @ts-expect-error Type 'number' is not assignable to type '{ readonly id: string; }'
    told(Effect.succeed(1))
    // @ts-expect-error Type 'number' is not assignable to type 'User'
    stored(Effect.succeed(1))
  })

  it("is of the keys of any cache in generic code", () => {
    const ofAny = <Key>(
      cache: Cache.Cache<Key, string>,
      keys: ReadonlyArray<Key>,
      told: (user: User) => ReadonlyArray<Key>
    ) => [
      update.pipe(Cache.invalidating(cache, keys, { linger: 100 })),
      update.pipe(Cache.invalidating(cache, told, { linger: 100 })),
      Cache.invalidating(update, cache, told, { linger: 100 }),
      Cache.invalidating(update, cache, keys, { store: () => keys.map((key) => [key, "stored"]) })
    ]
    expect(ofAny).type.toBeCallableWith(Cache.of<string>()({ name: "texts" }), ["42"], () => [])
  })
})

describe("a wrong option", () => {
  // Of the two signatures that three arguments may be for, the first is the one that takes options there.

  it("of a list of keys is what the error names first", () => {
    // @ts-expect-error Overload 1 of 2...'lingre' does not exist in type...Did you mean to write 'linger'?...Overload 2 of 2
    Cache.invalidating(users, ["42"], { lingre: "1 second" })
    // @ts-expect-error Overload 1 of 2...Type '"1 fortnight"' is not assignable to type 'DurationInput...Overload 2 of 2
    update.pipe(Cache.invalidating(users, ["42"], { linger: "1 fortnight" }))
    // @ts-expect-error Overload 1 of 2...Type 'string' is not assignable to type 'User'...Overload 2 of 2
    update.pipe(Cache.invalidating(users, ["42"], { store: (user) => [["42", user.name]] }))
    // @ts-expect-error Type '"1 fortnight"' is not assignable to type 'DurationInput
    Cache.invalidating(update, users, ["42"], { linger: "1 fortnight" })
  })

  it("of a function that tells keys is what the error names first", () => {
    // @ts-expect-error Overload 1 of 2...Type '"1 fortnight"' is not assignable to type 'DurationInput...Overload 2 of 2
    Cache.invalidating(users, (user: User) => [user.id], { linger: "1 fortnight" })
    // @ts-expect-error Overload 1 of 2...type '"store needs the keys up front: pass a list of keys"'...Overload 2 of 2
    Cache.invalidating(users, (user: User) => [user.id], { store: (user: User) => [["42", user]] })
    // @ts-expect-error Type '"1 fortnight"' is not assignable to type 'DurationInput
    Cache.invalidating(update, users, (user) => [user.id], { linger: "1 fortnight" })
  })

  it("of a call that is forgotten is all that the error names", () => {
    const getName = Memo.cached((id: number) => Effect.succeed(String(id)), { name: "getName" })
    // @ts-expect-error Type '"1 fortnight"' is not assignable to type 'DurationInput
    getName.busting([42], { linger: "1 fortnight" })
    // @ts-expect-error Type '(user: User) => number' is not assignable to type '(result: User) => string'
    getName.busting([42], { store: (user: User) => Number(user.id) })
    // @ts-expect-error is not assignable to type '"store needs the keys up front: pass a list of keys"'
    getName.busting((user: User) => [Number(user.id)], { store: (user: User) => user.name })
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
    // @ts-expect-error '[number, string, number]' is not assignable to parameter of type 'readonly [id: number, _fields?:
    getUser.busting([42, "name", 1])
  })

  it("of several calls is invalidating the cache behind them", () => {
    expect(update.pipe(Cache.invalidating(getUser.cache, [[42], [43, "name"]]))).type.toBe<Updated>()
  })

  it("of calls that the result names needs no cast", () => {
    const { cache } = getUser
    const stored = { id: 42, at: "" }
    expect(Cache.invalidating(update, cache, (user) => [[Number(user.id)]])).type.toBe<Updated>()
    expect(update.pipe(Cache.invalidating(cache, (user: User) => [[Number(user.id)] as const]))).type.toBe<Updated>()
    expect(Cache.invalidating(update, cache, [[42]], { store: (user) => [[[Number(user.id)], stored]] })).type.toBe<
      Updated
    >()
  })

  it("of calls that a function of declared parameters tells needs no cast", () => {
    const { cache } = getUser
    const updateAll = Effect.as(update, [] as ReadonlyArray<User>)
    type AllUpdated = Effect.Effect<ReadonlyArray<User>, "Offline" | Failure, Sql | Redis.Redis>
    expect(update.pipe(Cache.invalidating(cache, (user: User) => [[Number(user.id)]]))).type.toBe<Updated>()
    expect(update.pipe(Cache.invalidating(cache, (user: User) => [[Number(user.id), user.name]], { linger: 100 }))).type
      .toBe<Updated>()
    expect(Cache.invalidating(cache, (user: User) => [[Number(user.id)]])(update)).type.toBe<Updated>()
    expect(Cache.invalidating(update, cache, (user: User) => [[Number(user.id)]], { linger: 100 })).type.toBe<Updated>()
    expect(update.pipe(getUser.busting((user: User) => [Number(user.id), user.name]))).type.toBe<Updated>()
    expect(updateAll.pipe(Cache.invalidating(cache, (users) => users.map(({ id }) => [Number(id)])))).type.toBe<
      AllUpdated
    >()
    expect(
      updateAll.pipe(Cache.invalidating(cache, (users: ReadonlyArray<User>) => users.map(({ id }) => [Number(id)])))
    ).type.toBe<AllUpdated>()
    expect(
      updateAll.pipe(Cache.invalidating(cache, function*(users: ReadonlyArray<User>) {
        for (const { id } of users) yield [Number(id)]
      }))
    ).type.toBe<AllUpdated>()
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    update.pipe(Cache.invalidating(cache, (user: User) => [[user.id]]))
    // @ts-expect-error Type '[string]' is not assignable to type 'readonly [id: number
    Cache.invalidating(cache, (user: User) => [[user.id]])
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    getUser.busting((user: User) => [user.id])
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
