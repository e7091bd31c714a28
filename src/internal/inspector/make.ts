/** Makes the page's router from its options. */
import type * as HttpRouter from "@effect/platform/HttpRouter"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Redis } from "../../Redis.js"
import type { CacheDefinition } from "../definition/definition.js"
import { refresh } from "../ops/load.js"
import type { AnyDefinition, Inspected } from "./options.js"
import { makeRouter } from "./router.js"

interface Given<R> {
  readonly title?: string | undefined
  readonly caches?: ReadonlyArray<object> | undefined
  readonly actions?: { readonly token: Redacted.Redacted } | undefined
  readonly hosts?: ReadonlyArray<string> | undefined
  readonly _R?: R
}

export const refreshable = (
  // A cache is what its definition is.
  cache: any,
  load: (key: string) => Effect.Effect<any, any, any>
): any => ({
  cache,
  refresh: (key: string) => refresh(cache as CacheDefinition<string, unknown>, key, () => load(key))
})

const isRefreshable = (given: object): given is { readonly cache: AnyDefinition; readonly refresh: Refresh } =>
  "refresh" in given && "cache" in given

/** What it needs, `make` asks for. */
type Refresh = (key: string) => Effect.Effect<unknown, unknown>

const toInspected = <R>(given: object, context: Context.Context<R>): Inspected => {
  if (!isRefreshable(given)) return { cache: given as AnyDefinition, refresh: undefined } // a cache is its definition
  const { cache, refresh } = given
  return { cache, refresh: (key) => Effect.provide(refresh(key), context) }
}

export const make = <R>(
  { actions, caches = [], hosts, title = "caches" }: Given<R> = {}
): Effect.Effect<HttpRouter.HttpRouter, never, R | Redis | Scope.Scope> => {
  if (actions !== undefined && Redacted.value(actions.token) === "") {
    throw new TypeError(
      "Inspector.make: the token of actions is empty, which everybody knows. Leave actions out instead"
    )
  }
  return Effect.flatMap(Effect.context<R>(), (context) => {
    const all = caches.map((given) => toInspected(given, context))
    return makeRouter({
      title,
      caches: new Map(all.map((inspected) => [inspected.cache.name, inspected])),
      token: actions?.token,
      hosts
    })
  })
}
