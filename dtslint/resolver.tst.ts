import { Effect, pipe, Request, type RequestResolver, type Scope } from "effect"
import type { CacheError, Redis } from "effect-redis-cache"
import { Cache, Codec } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

interface User {
  readonly name: string
}

type Failure = "NotFound" | CacheError.RedisError

class UserById extends Request.TaggedClass("UserById")<User, Failure, { readonly id: string }> {}
class SafeById extends Request.TaggedClass("SafeById")<User, "NotFound", { readonly id: string }> {}
class NameById extends Request.TaggedClass("NameById")<string, Failure, { readonly id: string }> {}

declare const source: RequestResolver.RequestResolver<UserById>
declare const needy: RequestResolver.RequestResolver<UserById, "Sql" | Scope.Scope>
declare const safe: RequestResolver.RequestResolver<SafeById>
declare const names: RequestResolver.RequestResolver<NameById>

const users = Cache.make({ name: "users", codec: Codec.structural<User>() })
const bypassing = Cache.make({ name: "users", codec: Codec.structural<User>(), onRedisError: "bypass" })

type Cached<Req, R = never> = Effect.Effect<RequestResolver.RequestResolver<Req, R>, never, Redis.Redis>

describe("resolver", () => {
  it("is the resolver of the same requests, as an effect that needs Redis", () => {
    expect(source.pipe(Cache.resolver(users, { key: (request) => request.id }))).type.toBe<Cached<UserById>>()
    expect(pipe(source, Cache.resolver(users, { key: ({ id }) => id }))).type.toBe<Cached<UserById>>()
    expect(Cache.resolver(source, users, { key: ({ id }) => id })).type.toBe<Cached<UserById>>()
    expect(Cache.resolver(users, { key: ({ id }: UserById) => id })(source)).type.toBe<Cached<UserById>>()
    expect(Cache.resolver(needy, users, { key: ({ id }) => id })).type.toBe<Cached<UserById, "Sql">>()
  })

  it("is what Effect.request takes", () => {
    const cached = source.pipe(Cache.resolver(users, { key: ({ id }) => id }))
    expect(Effect.request(new UserById({ id: "42" }), cached)).type.toBe<Effect.Effect<User, Failure, Redis.Redis>>()
  })

  it("takes requests that fail with the cache's errors, and with bypass any", () => {
    expect(safe.pipe(Cache.resolver(bypassing, { key: ({ id }) => id }))).type.toBe<Cached<SafeById>>()
    // @ts-expect-error: the request's error lacks
    safe.pipe(Cache.resolver(users, { key: ({ id }) => id }))
    // @ts-expect-error: the request's error lacks
    Cache.resolver(safe, users, { key: ({ id }) => id })
  })

  it("refuses keys and values of another type", () => {
    // @ts-expect-error: Type 'number' is not assignable to type 'string'
    Cache.resolver(source, users, { key: ({ id }) => id.length })
    // @ts-expect-error: Argument of type
    Cache.resolver(names, users, { key: String })
  })
})
