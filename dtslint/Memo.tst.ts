import type { Exit, Option } from "effect"
import { Effect, pipe, PrimaryKey, Schema, type Scope } from "effect"
import type { Cache, CacheError, Pending, Redis } from "effect-redis-cache"
import { Cache as Caches, Codec, Memo } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

class Offline extends Schema.TaggedError<Offline>()("Offline", { until: Schema.Number }) {}

interface User {
  readonly name: string
}

type Failure = CacheError.RedisError | CacheError.CodecError
type Store = Redis.Redis

declare const fetchUser: (id: number, lang?: string) => Effect.Effect<User, Offline, "Http" | Scope.Scope>

describe("cached", () => {
  const getUser = Memo.cached(fetchUser, "10 minutes")

  it("keeps the arguments, adds the cache's errors, and removes Scope", () => {
    expect(getUser).type.toBe<
      Memo.Cached<[id: number, lang?: string | undefined], User, Offline, "Http" | Scope.Scope>
    >()
    expect(getUser).type.toBe<
      Memo.Cached<[id: number, lang?: string | undefined], User, Offline, "Http" | Scope.Scope, Failure, never>
    >()
    expect(getUser(42)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(getUser(42, "en")).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'
    getUser("42")
    // @ts-expect-error: Expected at least 1 arguments, but got 0
    getUser()
  })

  it("members", () => {
    expect(getUser.bust(42)).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(getUser.refresh(42)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(getUser.peek(42)).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(getUser.key(42)).type.toBe<Effect.Effect<string, CacheError.CodecError, Store>>()
    expect(getUser.cache).type.toBe<Cache.Cache<[id: number, lang?: string | undefined], User, Failure, Store>>()
    expect(Caches.get(getUser.cache, [42])).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(pipe(getUser.cache, Caches.get([42]))).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'
    getUser.bust("42")
  })

  it("data-last", () => {
    expect(pipe(fetchUser, Memo.cached("10 minutes"))).type.toBe<typeof getUser>()
    // @ts-expect-error: is not assignable to parameter of type 'DurationInput | Options<
    Memo.cached(fetchUser)
    expect(pipe(fetchUser, Memo.cached({ timeToLive: "10 minutes" }))).type.toBe<typeof getUser>()
    expect(pipe(fetchUser, Memo.cached({ timeout: "1 second", onRedisError: "bypass" }))(42)).type.toBe<
      Effect.Effect<User, Offline | CacheError.CodecError | CacheError.Empty, "Http" | Store>
    >()
    const policy = Memo.cached({ timeToLive: "1 minute", onRedisError: "bypass" })
    expect(policy(fetchUser)(42)).type.toBe<
      Effect.Effect<User, Offline | CacheError.CodecError, "Http" | Store>
    >()
  })

  it("data-last options are checked once the function is known", () => {
    expect(pipe(fetchUser, Memo.cached({ key: (id: number) => id }))).type.toBe<typeof getUser>()
    expect(pipe(fetchUser, Memo.cached({ timeToLive: (_: Exit.Exit<User, Offline>) => 1 }))).type.toBe<
      typeof getUser
    >()
    expect(pipe(fetchUser, Memo.cached({ errors: { schema: Offline, timeToLive: 1 } }))).type.toBe<typeof getUser>()
    expect(pipe(fetchUser, Memo.cached({ codec: Codec.structural() }))).type.toBe<typeof getUser>()
    // @ts-expect-error: "the options belong to a function with other arguments"
    Memo.cached({ key: (id: string) => id })(fetchUser)
    // @ts-expect-error: Argument of type
    Memo.cached({ schema: Schema.String })(fetchUser)
    // @ts-expect-error: "`errors` encodes failures that the function does not have"
    Memo.cached({ errors: { schema: Schema.String } })(fetchUser)
    // @ts-expect-error: Argument of type
    pipe(fetchUser, Memo.cached({ key: (id: string) => id }))
  })

  it("types the functions in its options", () => {
    expect(Memo.cached(fetchUser, {
      key: (...args) => {
        expect(args).type.toBe<[id: number, lang?: string | undefined]>()
        return args
      },
      timeToLive: (exit) => {
        expect(exit).type.toBe<Exit.Exit<User, Offline>>()
        return "1 minute"
      },
      tags: (args) => {
        expect(args).type.toBe<[id: number, lang?: string | undefined]>()
        return []
      },
      valueTags: (user, [id]) => {
        expect(user).type.toBe<User>()
        expect(id).type.toBe<number>()
        return [user.name]
      }
    })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { key: (id) => id })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, {})).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { errors: { schema: Offline, timeToLive: "1 second" } })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { codec: Codec.structural<User>() })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { schema: Schema.Struct({ name: Schema.String }) })(1)).type.toBe<
      Effect.Effect<{ readonly name: string }, Offline | Failure, "Http" | Store>
    >()
  })

  it("refuses options that belong to another function", () => {
    // @ts-expect-error: Types of property 'key' are incompatible
    Memo.cached(fetchUser, { key: (id: string) => id })
    // @ts-expect-error: Type 'string' is not assignable to type 'User'
    Memo.cached(fetchUser, { schema: Schema.String })
    // @ts-expect-error: Type 'string' is not assignable to type 'Offline'
    Memo.cached(fetchUser, { errors: { schema: Schema.String, timeToLive: 1 } })
    // @ts-expect-error: Object literal may only specify known properties, and 'ttl' does not exist in type
    Memo.cached(fetchUser, { name: "getUser", ttl: 1 })
    // @ts-expect-error: Argument of type '"soon"' is not assignable
    Memo.cached(fetchUser, "soon")
    // @ts-expect-error: Type 'string' is not assignable to type 'readonly unknown[]'
    Memo.cached(fetchUser, { captures: "tenant" })
  })

  it("refuses anything but a function that returns an effect", () => {
    // @ts-expect-error: Argument of type '(id: number) => number' is not assignable to parameter of type '(id: number) => Effect
    Memo.cached((id: number) => id, "1 minute")
    // @ts-expect-error: Argument of type '(id: number) => Promise<number>' is not assignable to parameter of type '(id: number) => Effect
    Memo.cached(async (id: number) => id, "1 minute")
  })

  it("takes no more arguments than the function, because they would be part of the key", () => {
    expect<Parameters<typeof getUser>>().type.toBe<
      [id: number, lang?: string | undefined, ...surplus: Array<never>]
    >()
    // @ts-expect-error: Argument of type '3' is not assignable to parameter of type 'never'
    getUser(1, "en", 3)
    // @ts-expect-error: Argument of type '3' is not assignable to parameter of type 'never'
    getUser.bust(1, "en", 3)
    // @ts-expect-error: Argument of type '3' is not assignable to parameter of type 'never'
    getUser.refresh(1, "en", 3)
    // @ts-expect-error: Argument of type '3' is not assignable to parameter of type 'never'
    getUser.peek(1, "en", 3)
    // @ts-expect-error: Argument of type '3' is not assignable to parameter of type 'never'
    getUser.key(1, "en", 3)

    const ids = [1, 2]
    const byId = Memo.cached((id: number) => fetchUser(id), { name: "byId" })
    // @ts-expect-error: Types of parameters 'surplus' and 'index' are incompatible
    ids.map(byId)
    // @ts-expect-error: Types of parameters 'surplus' and 'i' are incompatible
    Effect.forEach(ids, byId)
    // @ts-expect-error: Types of parameters 'surplus' and 'i' are incompatible
    Effect.forEach(ids, byId.bust)
    expect(Effect.forEach([1, 2], (id) => byId(id))).type.toBe<
      Effect.Effect<Array<User>, Offline | Failure, "Http" | Store>
    >()
    expect(Effect.flatMap(Effect.succeed(1), byId)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(pipe(1, byId)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
  })

  it("takes any number of arguments if the function does, and an index too", () => {
    const all = Memo.cached((...ids: ReadonlyArray<number>) => Effect.succeed(ids), { name: "all" })
    expect(all(1, 2, 3)).type.toBe<Effect.Effect<ReadonlyArray<number>, Failure, Store>>()
    const page = Memo.cached((id: number, page?: number) => Effect.succeed([id, page]), { name: "page" })
    expect(Effect.forEach([1, 2], page)).type.toBe<
      Effect.Effect<Array<Array<number | undefined>>, Failure, Store>
    >()
  })

  it("caches some failures, or all, or says which it may cache", () => {
    class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}
    const fetch = {} as (id: number) => Effect.Effect<User, Offline | Busy>
    type Fetched = Memo.Cached<[id: number], User, Offline | Busy, never>
    expect(Memo.cached(fetch, { errors: { schema: Offline } })).type.toBe<Fetched>()
    expect(Memo.cached(fetch, { errors: { schema: Schema.Union(Offline, Busy), timeToLive: 1 } })).type.toBe<Fetched>()
    expect(Memo.cached(fetch, { codec: Codec.structural(), errors: { codec: Codec.json(Offline) } })).type.toBe<
      Fetched
    >()
    expect(pipe(fetch, Memo.cached({ errors: { schema: Offline } }))).type.toBe<Fetched>()
    expect(
      Memo.cached(fetch, {
        timeToLive: (exit) => {
          expect(exit).type.toBe<Exit.Exit<User, Offline | Busy>>()
          return 1
        },
        errors: { schema: Offline }
      })
    ).type.toBe<Fetched>()
    // @ts-expect-error: Property 'schema' is missing in type '{ timeToLive: number; }'
    Memo.cached(fetch, { errors: { timeToLive: 1 } })
    // @ts-expect-error: Argument of type '{ errors: {}; }' is not assignable
    Memo.cached(fetch, { errors: {} })
    // @ts-expect-error: is not assignable to type 'undefined'
    Memo.cached(fetch, { errors: { schema: Offline, codec: Codec.json(Offline) } })
  })

  it("captures do not change the type", () => {
    expect(Memo.cached(fetchUser, { captures: ["tenant", { region: 1 }] })).type.toBe<typeof getUser>()
    expect(pipe(fetchUser, Memo.cached({ captures: [] }))).type.toBe<typeof getUser>()
    // @ts-expect-error: 'captures' does not exist in type
    Memo.cachedProperty({ id: 1 }, { name: "p", key: (self) => self.id, captures: [] }, () => Effect.succeed(1))
  })

  it("a timeout adds Empty to the call, and to nothing else", () => {
    const timed = Memo.cached(fetchUser, { timeout: "1 second" })
    expect(timed).type.toBe<
      Memo.Cached<
        [id: number, lang?: string | undefined],
        User,
        Offline,
        "Http" | Scope.Scope,
        Failure,
        CacheError.Empty
      >
    >()
    expect(timed(42)).type.toBe<Effect.Effect<User, Offline | Failure | CacheError.Empty, "Http" | Store>>()
    expect(timed(42).pipe(Effect.catchTag("Empty", () => Effect.interrupt))).type.toBe<
      Effect.Effect<User, Offline | Failure, "Http" | Store>
    >()
    expect(timed.refresh(42)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(Memo.cached(fetchUser, { timeout: undefined })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { timeout: { soft: "1 second" } })).type.toBe<typeof getUser>()
    expect(Memo.cached(fetchUser, { timeout: { soft: "1 second", hard: "2 seconds" } })).type.toBe<typeof timed>()
  })

  it("revalidates its results by its arguments", () => {
    expect(
      Memo.cached(fetchUser, {
        revalidate: (previous, id, lang) => {
          expect(previous).type.toBe<Cache.Previous<User>>()
          expect(id).type.toBe<number>()
          expect(lang).type.toBe<string | undefined>()
          return Effect.succeed(Caches.unchanged)
        }
      })
    ).type.toBe<typeof getUser>()
    const needing = {} as Effect.Effect<User | Cache.Unchanged, Offline, "Cookies">
    expect(Memo.cached(fetchUser, { revalidate: () => needing })(42)).type.toBe<
      Effect.Effect<User, Offline | Failure, "Http" | "Cookies" | Store>
    >()
    // @ts-expect-error: Type 'string' is not assignable to type
    Memo.cached(fetchUser, { revalidate: () => Effect.succeed("user") })
    // @ts-expect-error: The types returned by 'revalidate(...)' are incompatible
    Memo.cached(fetchUser, { revalidate: () => Effect.fail("other" as const) })
  })

  it("bypass removes RedisError from everything but bust", () => {
    const bypassing = Memo.cached(fetchUser, { onRedisError: "bypass" })
    expect(bypassing(42)).type.toBe<Effect.Effect<User, Offline | CacheError.CodecError, "Http" | Store>>()
    expect(bypassing.refresh(42)).type.toBe<Effect.Effect<User, Offline | CacheError.CodecError, "Http" | Store>>()
    expect(bypassing.peek(42)).type.toBe<Effect.Effect<Option.Option<User>, CacheError.CodecError, Store>>()
    expect(bypassing.bust(42)).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(bypassing.cache).type.toBe<
      Cache.Cache<[id: number, lang?: string | undefined], User, CacheError.CodecError, Store>
    >()
  })

  it("a generic function's parameter becomes unknown, never any: memoize a function of the type that you need", () => {
    const generic = <A>(value: A): Effect.Effect<A> => Effect.succeed(value)
    expect(Memo.cached(generic, "1 minute")).type.toBe<Memo.Cached<[value: unknown], unknown, never, never>>()
    expect(Memo.cached(generic, { name: "generic" })).type.toBe<
      Memo.Cached<[value: unknown], unknown, never, never>
    >()
    expect(pipe(generic, Memo.cached("1 minute"))).type.toBe<Memo.Cached<[value: unknown], unknown, never, never>>()
    expect(Memo.cached((value: number) => generic(value), "1 minute")).type.toBe<
      Memo.Cached<[value: number], number, never, never>
    >()
    expect(Memo.cached(generic<number>, "1 minute")).type.toBe<Memo.Cached<[value: number], number, never, never>>()
  })

  it("of an overloaded function, the last overload counts", () => {
    const overloaded = {} as { (a: string): Effect.Effect<string>; (a: number): Effect.Effect<number> }
    expect(Memo.cached(overloaded, 1)).type.toBe<Memo.Cached<[a: number], number, never, never>>()
  })

  it("functions of any number of arguments", () => {
    expect(Memo.cached((...ids: ReadonlyArray<string>) => Effect.succeed(ids.length), { name: "f" })("a", "b")).type
      .toBe<Effect.Effect<number, Failure, Store>>()
    expect(Memo.cached(() => Effect.succeed(1), { name: "f" })()).type.toBe<Effect.Effect<number, Failure, Store>>()
  })
})

describe("cachedAsync", () => {
  const getUser = Memo.cachedAsync(fetchUser, "10 minutes")

  it("cannot fail: the pending has all errors", () => {
    expect(getUser).type.toBe<
      Memo.CachedAsync<[id: number, lang?: string | undefined], User, Offline, "Http" | Scope.Scope>
    >()
    expect(getUser(42)).type.toBe<Effect.Effect<Pending.Pending<User, Offline | Failure>, never, "Http" | Store>>()
    expect(Effect.flatten(getUser(42))).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(getUser.refresh(42)).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(getUser.bust(42)).type.toBe<Effect.Effect<boolean, Failure, Store>>()
  })

  it("data-last, bypass and timeout", () => {
    expect(pipe(fetchUser, Memo.cachedAsync("10 minutes"))(42)).type.toBe<
      Effect.Effect<Pending.Pending<User, Offline | Failure>, never, "Http" | Store>
    >()
    expect(Memo.cachedAsync(fetchUser, { onRedisError: "bypass", timeout: 1, key: (id) => id })(42)).type.toBe<
      Effect.Effect<
        Pending.Pending<User, Offline | CacheError.CodecError | CacheError.Empty>,
        never,
        "Http" | Store
      >
    >()
  })
})

describe("cachedProperty", () => {
  class Account implements PrimaryKey.PrimaryKey {
    constructor(readonly id: string) {}

    [PrimaryKey.symbol]() {
      return this.id
    }

    readonly owner = Memo.cachedProperty(this, { name: "Account.owner" }, () => fetchUser(1))

    readonly other = Memo.cachedProperty(
      this,
      { name: "Account.other", key: (self) => self.id, tags: (self) => [self.id], onRedisError: "bypass" },
      (self) => Effect.succeed(self.id)
    )
  }

  class NoIdentity {
    constructor(readonly id: string) {}
  }

  it("is an effect, with members without arguments", () => {
    const { other, owner } = {} as Account
    expect(owner).type.toBe<Memo.CachedProperty<User, Offline, "Http" | Scope.Scope>>()
    expect(owner).type.toBeAssignableTo<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(Effect.map(owner, (user) => user.name)).type.toBe<
      Effect.Effect<string, Offline | Failure, "Http" | Store>
    >()
    expect(owner.bust).type.toBe<Effect.Effect<boolean, Failure, Store>>()
    expect(owner.refresh).type.toBe<Effect.Effect<User, Offline | Failure, "Http" | Store>>()
    expect(owner.peek).type.toBe<Effect.Effect<Option.Option<User>, Failure, Store>>()
    expect(owner.key).type.toBe<Effect.Effect<string, CacheError.CodecError, Store>>()
    expect(other).type.toBe<Memo.CachedProperty<string, never, never, CacheError.CodecError>>()
    expect(other.bust).type.toBe<Effect.Effect<boolean, Failure, Store>>()
  })

  it("types the functions in its options", () => {
    const self = new NoIdentity("a")
    expect(Memo.cachedProperty(self, {
      name: "p",
      key: (it) => {
        expect(it).type.toBe<NoIdentity>()
        return it.id
      },
      timeToLive: (exit) => {
        expect(exit).type.toBe<Exit.Exit<User, Offline>>()
        return 1
      },
      tags: (it) => [it.id],
      valueTags: (user, it) => [user.name, it.id]
    }, () => fetchUser(1))).type.toBe<Memo.CachedProperty<User, Offline, "Http" | Scope.Scope>>()
  })

  it("does not compile without an identity", () => {
    const self = new NoIdentity("a")
    // @ts-expect-error: Overload 1 of 2...Property 'key' is missing in type...Overload 2
    Memo.cachedProperty(self, { name: "p" }, () => Effect.succeed(1))
    expect(Memo.cachedProperty(self, { name: "p", key: (it) => it.id }, (it) => Effect.succeed(it.id))).type.toBe<
      Memo.CachedProperty<string, never, never>
    >()
  })

  it("needs a name, and has no timeout", () => {
    const self = new NoIdentity("a")
    // @ts-expect-error: Overload 1 of 2...Property 'name' is missing in type...Overload 2
    Memo.cachedProperty(self, { key: (it) => it.id }, () => Effect.succeed(1))
    // @ts-expect-error: Overload 1 of 2...'timeout' does not exist in type...Overload 2
    Memo.cachedProperty(self, { name: "p", key: (it) => it.id, timeout: 1 }, () => Effect.succeed(1))
  })
})
