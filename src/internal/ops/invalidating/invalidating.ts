/**
 * Updates of the source and the entries that they make outdated: `Cache.invalidating`.
 *
 * ## Why a delete is not enough
 *
 * An entry is as old as the read of the source that it was made from. If you delete it *before* the commit, another caller
 * may read the old row after the delete, and cache it for its whole TTL. If you delete it *after* the commit, it comes too
 * late for a load that has read before and stores after it (the lease prevents that), and it never comes if the process
 * dies in between or Redis fails. A read *inside* the transaction may cache what is rolled back. And a replica may return
 * the old row for some time after the commit.
 *
 * So an update announces itself before it begins, in the place where every load of the fleet looks anyway: under the key.
 *
 *     anything ──begin──▶ hold [A] ──begin──▶ hold [A B] ──end──▶ hold [B] ──end──▶ missing
 *                           │  ▲                                     │
 *                           └──┘ renewal, at half time               └──time──▶ missing (Redis expires it)
 *
 * A *hold* (`entry/hold.ts`) lists the updates under way, each with a token and an end of its own. It takes the place of
 * the entry. So readers find nothing, a lease that was granted before is gone, with everything its load could have stored,
 * and no new lease is granted (`Barred`). Readers run loads of their own that store nothing. They never wait.
 *
 * **While a hold stands, nothing that was read before the commit is stored, wherever it was read.** What is read after the
 * end is read after the commit. Nothing else is needed: no clocks are compared, and no caller is kept from the source. This
 * orders caches, not databases.
 *
 * ## Races and their outcomes
 *
 * - a load read before the begin, and stores during the update or after it: its lease is gone, so the fill is refused.
 * - a load begins during the update, and stores after it: it had no lease.
 * - two updates of one key overlap, in either order: each takes out its own token. The last one removes what is there.
 * - the process dies at any point: no process renews the hold. It runs out, and then the key is absent.
 * - the begin fails, its answer is lost, or it is interrupted: it is taken back afterwards, and the update is not run (with
 *   `bypass` it is run, without the promise).
 * - the update is interrupted, fails, or dies: it ends like any other, since the source may have committed.
 * - the end fails: the update has succeeded all the same. The hold runs out.
 * - the hold is lost (a raw `DEL`, a `set`, eviction, a failover, a pause longer than the hold): what was cached meanwhile
 *   may be old. The next renewal replaces it, and the end removes it.
 * - a renewal is still on its way at the end: it was sent before the end, and so takes effect before it.
 * - `store` when another update has held the key at the same time: its result may be older than the other's. The hold
 *   remembers that it was shared, and nothing is stored. The same if the hold was lost for some time.
 * - `Cache.delete`, `flush` and the like during an update: they leave the hold in place.
 * - loads that the update's own fibers begin may see what is not committed: they store nothing, and are not shared. Once
 *   the update is over, fibers that it left running load like any other.
 *
 * ## Tags
 *
 * A hold in the place of a tag's epoch makes all entries that name the tag absent. Entries that are stored with the epoch
 * from before are absent from the start. An entry that names a tag only by its value (`valueTags`) reads the epoch after
 * its load: it is not stored while the tag is held, nor if the cache's tag generation has changed. An update changes the
 * generation at its begin (a hold may be evicted), and at its end before the tags: so a process that finds the hold gone
 * finds another generation. If the update died, it does not change it. So the tag's key outlives its holds by as long as a
 * load may last, and a process that finds them run out changes the generation before it makes an epoch
 * (`cache/tagEpochs.ts`).
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../../CacheError.js"
import type { Redis } from "../../../Redis.js"
import { bindBase, isStoring } from "../../cache/bind.js"
import type { CacheInstance } from "../../cache/instance.js"
import type { CacheDefinition } from "../../definition/definition.js"
import { aside } from "../../driver/operation.js"
import { type Updating, updating } from "../../inFlight/updating.js"
import { named } from "../named.js"
import { replay } from "../replay.js"
import { Ending } from "./ending.js"
import { Holds } from "./holds.js"
import { check, type Options } from "./options.js"

/** Keys, or a function that returns them when the update has succeeded. */
export type Keys<Key> = Iterable<Key> | ((result: any) => Iterable<Key>) // the result of an update that is not known here

const operation = "invalidating"

/** `@effect/sql` keeps the connection of a transaction in the context, under this key, for as long as that runs. */
const transactionKey = "@effect/sql/SqlClient/TransactionConnection"

export const invalidating = <A, E, R, Key, Value>(
  effect: Effect.Effect<A, E, R>,
  definition: CacheDefinition<Key, Value>,
  keys: Keys<Key>,
  options: Options<Key, Value> = {}
): Effect.Effect<A, E | RedisError | CodecError, R | Redis> => {
  const given = typeof keys === "function" ? keys : replay(keys)
  return Effect.withFiberRuntime((fiber): Effect.Effect<A, E | RedisError | CodecError, R | Redis> => {
    const instance = bindBase(fiber, definition, operation)
    const refused = refusal(definition, keys)
    if (refused !== undefined) return Effect.dieMessage(refused)
    const checked = check(definition, options)
    if (Either.isLeft(checked)) return Effect.fail(checked.left)
    const toldLater = typeof given === "function" ? given : undefined
    const held = typeof given === "function" ? Either.right([]) : instance.redisKeys(given)
    if (Either.isLeft(held)) return Effect.fail(held.left)
    const holds = new Holds(instance, held.right, checked.right)
    const ending = new Ending(instance, holds, toldLater, isStoring(fiber) ? options.store : undefined)
    const update: Updating = { over: false, outer: fiber.getFiberRef(updating) }
    const run = (restore: Restore) =>
      Effect.zipRight(
        begin(instance, holds, ending, restore),
        renewing(instance, holds, restore(aside(Effect.locally(effect, updating, update))))
      ).pipe(
        Effect.flatMap((exit) => {
          update.over = true
          return Effect.zipRight(ending.run(exit), exit)
        })
      )
    return Effect.uninterruptibleMask((restore) =>
      fiber.currentContext.unsafeMap.has(transactionKey)
        ? Effect.zipRight(warnOfTransaction(instance), run(restore))
        : run(restore)
    )
  })
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Types do not reach everywhere. */
const refusal = <Key, Value>({ kind, name }: CacheDefinition<Key, Value>, keys: unknown): string | undefined => {
  if (kind === "counter") {
    return `Cache "${name}": a counter does not copy a source, so Cache.invalidating does not apply to it. Use Cache.delete`
  }
  return typeof keys === "string"
    ? `Cache "${name}": Cache.invalidating takes a list of keys, and got the string "${keys}", which would be a list of letters. ` +
      `Pass ["${keys}"]`
    : undefined
}

const warnOfTransaction = <Key, Value>({ definition, warnings }: CacheInstance<Key, Value>): Effect.Effect<void> =>
  warnings.once(
    `Cache "${definition.name}": Cache.invalidating runs inside an @effect/sql transaction, which commits only after the ` +
      "update has ended. A value that is read in between is cached and may be old. Put Cache.invalidating around " +
      "sql.withTransaction, not inside it"
  )

/** Holds, or fails; with `bypass` it goes on without. */
const begin = <Key, Value>(
  instance: CacheInstance<Key, Value>,
  holds: Holds<Key, Value>,
  ending: Ending<Key, Value>,
  restore: Restore
): Effect.Effect<void, RedisError | CodecError> => {
  const { definition, recorder } = instance
  recorder.update()
  if (holds.count === 0) return Effect.void
  const begun = named(definition, operation, Effect.zipLeft(holds.begin, ending.begin, { concurrent: ending.reads }))
  return Effect.catchAllCause(restore(begun), (cause) => {
    const error = Cause.failureOption(cause)
    return definition.policy.bypass && Option.isSome(error) && error.value._tag === "RedisError"
      ? ending.unprotected(error.value)
      : Effect.zipRight(holds.cancelBehind, Effect.failCause(cause))
  })
}

/** Runs the update, while its holds are renewed. */
const renewing = <Key, Value, A, E, R>(
  { recorder }: CacheInstance<Key, Value>,
  holds: Holds<Key, Value>,
  update: Effect.Effect<A, E, R>
): Effect.Effect<Exit.Exit<A, E>, never, R> => {
  const run = Effect.exit(update)
  if (holds.count === 0) return run
  return Effect.acquireUseRelease(
    Effect.map(Effect.fork(Effect.interruptible(holds.renewals)), (fiber) => {
      recorder.hold(holds.count)
      return fiber
    }),
    () => run,
    (fiber) => {
      recorder.hold(-holds.count)
      return Fiber.interrupt(fiber)
    }
  )
}
