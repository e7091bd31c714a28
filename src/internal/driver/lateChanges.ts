/**
 * Reports changes late, in their order. A link that breaks falls silent first, as real links do: changes from then on
 * are not reported, and its loss is reported later.
 */
import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import type { RedisError } from "../../CacheError.js"
import { heartbeatKey } from "../key/reserved.js"
import type { Driver, Link, Watcher } from "./driver.js"
import { type FaultyOptions, happens, millisOf } from "./faults.js"

type Told =
  | { readonly _tag: "Link" }
  | { readonly _tag: "Renew" }
  | { readonly _tag: "Change"; readonly keys: ReadonlyArray<string> | undefined; readonly at: number }

export const late = (
  driver: Driver,
  feed: NonNullable<FaultyOptions["feed"]>,
  watcher: Watcher
): Effect.Effect<never, RedisError> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const told = yield* Mailbox.make<Told, RedisError>()
    let inner: Link | undefined
    const link: Link = {
      heartbeats: (id) => {
        const keys = inner?.heartbeats(id) ?? []
        // What cannot be late is late here.
        return keys.length > 0 ? keys : [heartbeatKey(driver.prefix, id)]
      },
      renew: () => told.unsafeOffer({ _tag: "Renew" })
    }
    const remake = (pause: number) =>
      Effect.gen(function*() {
        watcher.onLoss()
        yield* Effect.sleep(pause)
        yield* told.clear
        watcher.onLink(link)
      })
    const tell = (next: Told) =>
      Effect.gen(function*() {
        if (next._tag === "Link") return watcher.onLink(link)
        if (next._tag === "Renew") return yield* remake(yield* millisOf(feed.silence))
        const delay = yield* millisOf(feed.delay)
        yield* Effect.sleep(Math.max(0, next.at + delay - clock.unsafeCurrentTimeMillis()))
        if (!(yield* happens(feed.loss))) return watcher.onChange(next.keys)
        yield* Effect.sleep(yield* millisOf(feed.silence))
        yield* remake(yield* millisOf(feed.silence))
      })
    const watching = driver.watch({
      onLink: (opened) => {
        inner = opened
        told.unsafeOffer({ _tag: "Link" })
      },
      onChange: (keys) => told.unsafeOffer({ _tag: "Change", keys, at: clock.unsafeCurrentTimeMillis() }),
      onLoss: watcher.onLoss,
      onSleep: watcher.onSleep
    })
    yield* Effect.forkScoped(Effect.catchAll(watching, (error) => told.fail(error)))
    // It ends with that failure alone, so there is always a next one.
    return yield* Effect.forever(
      Effect.flatMap(Effect.catchTag(told.take, "NoSuchElementException", Effect.die), tell)
    )
  }).pipe(Effect.scoped)
