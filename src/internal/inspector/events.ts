/**
 * Changes as they happen, for pages that are open. The feed only reports keys; the state of a key is read just after,
 * for as many keys as can be read without a burden. The others are shown as "changed".
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import type { Runtime } from "../cache/runtime.js"
import type { Listener } from "../changes/listener.js"
import * as Entry from "../entry/format.js"
import * as Key from "../key/encode.js"
import { isHeartbeatKey, tagKeyPrefix } from "../key/reserved.js"
import type { Happening } from "./answers.js"

export interface Event extends Happening {
  /** Counts up. */
  readonly id: number
}

/** How many events are kept for a page that is slow, or comes later. */
const kept = 500
/** Keys whose bytes are read at once, and how often. */
const maxReads = 200
const everyMillis = 250
/** How many changes wait for that; beyond it the oldest are dropped. */
const maxWaiting = 5_000

interface Change {
  readonly at: number
  readonly key: string
}

/** The state of a key after a change. */
const whatOf = (head: Uint8Array | undefined): Event["what"] => {
  if (head === undefined) return "gone"
  if (Entry.isHold(head)) return "held"
  if (Entry.isMarker(head)) return "leased"
  return Entry.isEntry(head) && Entry.isExpired(head) ? "expired" : "written"
}

export class Events implements Listener {
  private waiting: Array<Change> = []
  private readonly recent: Array<Event> = []
  private last = 0
  private readonly tagPrefix: string

  constructor(
    private readonly runtime: Runtime,
    private readonly told: PubSub.PubSub<Event>,
    private readonly clock: Clock.Clock
  ) {
    this.tagPrefix = tagKeyPrefix(runtime.driver.prefix)
  }

  changed(key: string): void {
    if (isHeartbeatKey(this.runtime.driver.prefix, key)) return
    if (this.waiting.length >= maxWaiting) this.waiting.shift()
    this.waiting.push({ at: this.clock.unsafeCurrentTimeMillis(), key })
  }

  changedAll(): void {
    this.tellNow("flushed")
  }

  lost(): void {
    this.tellNow("lost")
  }

  resumed(): void {
    this.tellNow("resumed")
  }

  private tellNow(what: Event["what"]): void {
    this.tell({ id: ++this.last, at: this.clock.unsafeCurrentTimeMillis(), what, cache: null, key: null, text: null })
  }

  private tell(event: Event): void {
    this.recent.push(event)
    if (this.recent.length > kept) this.recent.shift()
    this.told.unsafeOffer(event)
  }

  private eventOf({ at, key }: Change, what: Event["what"]): Event | undefined {
    const { prefix } = this.runtime.driver
    const isTag = key.startsWith(this.tagPrefix)
    const rest = key.slice(isTag ? this.tagPrefix.length : prefix.length)
    const colon = rest.indexOf(":")
    // Other keys of this library mean nothing to a reader.
    if (colon <= 0) return undefined
    const stored = rest.slice(colon + 1)
    return {
      id: ++this.last,
      at,
      what: isTag ? "invalidated" : what,
      cache: rest.slice(0, colon),
      key: isTag ? null : stored,
      text: (isTag ? "tag " : "") + Key.decodeString(stored)
    }
  }

  private readonly look: Effect.Effect<void> = Effect.suspend(() => {
    const changes = this.waiting
    if (changes.length === 0) return Effect.void
    this.waiting = []
    const read = [...new Set(changes.slice(-maxReads).map(({ key }) => key))]
    const heads = this.runtime.driver.heads(read, Entry.headerSize + Entry.leaseSize)
    return Effect.map(Effect.orElseSucceed(heads, () => []), (found) => {
      const after = new Map(read.map((key, i) => [key, found.length === 0 ? "changed" as const : whatOf(found[i])]))
      // The latest of each key: a lease and what is stored under it come within a moment.
      for (const change of new Map(changes.map((each) => [each.key, each])).values()) {
        const event = this.eventOf(change, after.get(change.key) ?? "changed")
        if (event !== undefined) this.tell(event)
      }
    })
  })

  readonly run: Effect.Effect<never> = Effect.forever(Effect.zipRight(Effect.sleep(everyMillis), this.look))

  /** The events after the last one that a reader has received, as far as they are kept, and then new ones. */
  after(heard: number): Stream.Stream<Event> {
    return Stream.unwrapScoped(
      Effect.map(PubSub.subscribe(this.told), (queue) => {
        // A number that was never used here comes from an earlier process.
        const missed = heard > this.last ? [...this.recent] : this.recent.filter(({ id }) => id > heard)
        return Stream.concat(Stream.fromIterable(missed), Stream.fromQueue(queue))
      })
    )
  }
}

export const makeEvents: Effect.Effect<Events, never, Redis | Scope.Scope> = Effect.gen(function*() {
  const { runtime } = yield* baseRedis
  const told = yield* PubSub.sliding<Event>(kept)
  const events = new Events(runtime, told, yield* Effect.clock)
  yield* runtime.feed.follow(events)
  yield* Effect.forkScoped(events.run)
  return events
})
