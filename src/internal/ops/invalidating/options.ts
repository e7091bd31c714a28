/** The options of one update, and their parsing. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { CodecError } from "../../../CacheError.js"
import { checkTags } from "../../cache/prepare.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { endless, toMillis } from "../../definition/lives.js"

/**
 * The options of an update of the source.
 *
 * - `tags`: tags of the cache that are held like the keys, and invalidated at the end
 * - `linger`: how long the keys stay held after the update, for replicas of the source that lag behind it. No caller
 *   waits for it. Default: not at all
 * - `hold`: how long a hold lasts unless its process prolongs it, which it does at half time. If the process dies, its
 *   keys are not cached for that long. Default: the cache's `lease.duration`
 */
export interface InvalidatingOptions {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly linger?: Duration.DurationInput | undefined
  readonly hold?: Duration.DurationInput | undefined
}

/**
 * The same, and new values that are stored at the end.
 *
 * - `store`: the values of keys that the update holds, computed from its result. A value is stored if no other update
 *   has held its key meanwhile and the key was not written; otherwise whatever is stored is removed, as for keys that
 *   `store` leaves out. A stored value needs no `linger`
 */
export interface StoringOptions<in Result, out Key, out Value> extends InvalidatingOptions {
  readonly store?: ((result: Result) => Iterable<readonly [Readonly<Key>, Value]>) | undefined
}

/** Options where `store` has no keys to store under. */
interface NotStoring extends InvalidatingOptions {
  readonly store?:
    | (((result: any) => unknown) & "store needs the keys up front: pass a list of keys") // whatever it takes and returns
    | undefined
}

// An update has one signature for a list of keys and a function that tells them. With two, TypeScript would type the
// function once, against the wrong one (then `[[user.id]]` is no tuple), and report errors of the wrong one.

/** A list of keys. A string would be one of its letters. */
export type ListOf<Key> = ReadonlyArray<Readonly<Key>> | (Iterable<Readonly<Key>> & object)

/** `Told` is the list that a function tells; if the list is given, it is `never`. Only then values can be stored. */
export type OptionsFor<Told, Storing> = [Told] extends [never] ? Storing : NotStoring

/** An update with results that functions of `Result` take. */
export type ResultsIn<Result> = Effect.Effect<Result, unknown, unknown>

/** With the types that do not matter inside left out. */
export type Options<Key, Value> = StoringOptions<any, Key, Value> // the result of an update that is not known here

export interface Decoded {
  /** Each once. */
  readonly tags: ReadonlyArray<string>
  /** In ms; 0: not at all. */
  readonly linger: number
  /** In ms. */
  readonly hold: number
}

/** The options, or why they are refused: the call then fails before anything is held or run. */
export const check = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  { hold, linger, tags = [] }: InvalidatingOptions
): Either.Either<Decoded, CodecError> => {
  const refused = checkTags(definition, tags)
  if (refused !== undefined) return Either.left(refused)
  for (const [path, duration] of [["hold", hold], ["linger", linger]] as const) {
    if (duration !== undefined && !(toMillis(duration) > 0)) {
      return Either.left(definition.codecError("option", {
        path,
        detail: `${path} must be a duration longer than zero, got ${String(duration)}`
      }))
    }
  }
  const millis = (duration: Duration.DurationInput | undefined, otherwise: number): number =>
    duration === undefined ? otherwise : Math.min(endless, Math.ceil(toMillis(duration)))
  return Either.right({
    tags: [...new Set(tags)],
    linger: millis(linger, 0),
    hold: millis(hold, Math.ceil(definition.policy.leaseDuration))
  })
}
