/** The options of the page. */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { CacheDefinition } from "../definition/definition.js"

// `any`: keys and values may have any type here, and a cache is invariant in both.
export type AnyDefinition = CacheDefinition<any, any>

/** A cache whose values are decoded by its own codec, and how one key of it is loaded anew, if that is known. */
export interface Inspected {
  readonly cache: AnyDefinition
  readonly refresh: ((key: string) => Effect.Effect<unknown, unknown>) | undefined
}

export interface Settings {
  readonly title: string
  readonly caches: ReadonlyMap<string, Inspected>
  /** What actions need; `undefined`: there are none. */
  readonly token: Redacted.Redacted | undefined
  /** The values of the `Host` header that are served; `undefined`: all. */
  readonly hosts: ReadonlyArray<string> | undefined
}
