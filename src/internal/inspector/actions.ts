/** What the page can do if actions are switched on. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { delete_ as remove, expire, expireTags, flush, invalidateTags } from "../fleet/acts.js"
import * as Key from "../key/encode.js"
import { Refused } from "./guard.js"
import type { Settings } from "./options.js"

const Name = Schema.NonEmptyString.pipe(Schema.filter((name) => !name.includes(":")))

export const Action = Schema.Union(
  Schema.Struct({
    action: Schema.Literal("delete", "expire", "refresh"),
    cache: Name,
    keys: Schema.Array(Schema.String)
  }),
  Schema.Struct({ action: Schema.Literal("invalidate", "expireTags"), cache: Name, tags: Schema.Array(Schema.String) }),
  Schema.Struct({ action: Schema.Literal("flush"), cache: Name })
)

/** How many keys of one request are processed at a time. */
const concurrency = 16

const count = (all: ReadonlyArray<boolean>): number => all.filter(Boolean).length

const nameOf = (error: unknown): string =>
  typeof error !== "object" || error === null
    ? "a failure without a name"
    : "_tag" in error
    ? String(error._tag)
    : error instanceof Error
    ? error.name
    : "a failure without a name"

/** How many entries it was about; what is said of it in one line. */
export const act = (settings: Settings, asked: typeof Action.Type) =>
  Effect.gen(function*() {
    switch (asked.action) {
      case "delete":
      case "expire": {
        const one = asked.action === "delete" ? remove : expire
        const done = yield* Effect.forEach(asked.keys, (key) => one(asked.cache, key), { concurrency })
        return { done: count(done) }
      }
      case "refresh": {
        const refresh = settings.caches.get(asked.cache)?.refresh
        if (refresh === undefined) {
          return yield* Effect.fail(new Refused(400, "This page was given no load of that cache."))
        }
        const done = yield* Effect.forEach(asked.keys, (key) =>
          // A load's error may contain secrets, so only its name is shown.
          Effect.mapError(
            refresh(Key.decodeString(key)),
            (error) => new Refused(502, `The load of ${Key.decodeString(key)} failed: ${nameOf(error)}.`)
          ), { concurrency })
        return { done: done.length }
      }
      case "invalidate":
        yield* invalidateTags(asked.cache, asked.tags)
        return { done: asked.tags.length }
      case "expireTags":
        yield* expireTags(asked.cache, asked.tags)
        return { done: asked.tags.length }
      case "flush":
        return { done: yield* flush(asked.cache) }
    }
  })
