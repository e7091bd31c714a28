import type { HttpRouter } from "@effect/platform"
import { type Context, Effect, Redacted, type Scope } from "effect"
import { Cache, type Redis } from "effect-redis-cache"
import * as Inspector from "effect-redis-cache/Inspector"
import { describe, expect, it } from "tstyche"

interface Users {
  readonly _: unique symbol
}
declare const Users: Context.Tag<Users, { readonly find: (id: string) => Effect.Effect<string, Error> }>

describe("Inspector", () => {
  const names = Cache.of<string>()({ name: "names" })
  const counts = Cache.counter({ name: "counts" })

  it("needs Redis, a scope, and what its loads need", () => {
    expect(Inspector.make()).type.toBe<Effect.Effect<HttpRouter.HttpRouter, never, Redis.Redis | Scope.Scope>>()
    expect(Inspector.make({ title: "shop", caches: [names, counts], actions: { token: Redacted.make("t") } })).type
      .toBe<
        Effect.Effect<HttpRouter.HttpRouter, never, Redis.Redis | Scope.Scope>
      >()
    const refreshable = Inspector.refreshable(names, (id) => Effect.flatMap(Users, (users) => users.find(id)))
    expect(Inspector.make({ caches: [refreshable, counts] })).type.toBe<
      Effect.Effect<HttpRouter.HttpRouter, never, Redis.Redis | Scope.Scope | Users>
    >()
  })

  it("loads what the cache holds", () => {
    // @ts-expect-error Type 'Effect<number, never, never>' is not assignable
    Inspector.refreshable(names, () => Effect.succeed(1))
  })
})
