/** What a caller's look at one or many entries comes to: answers, and what is to be refreshed, loaded, or logged. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { CacheInstance } from "../cache/instance.js"
import * as Entry from "../entry/format.js"
import type { TagState } from "../entry/tags.js"
import { judge, type Verdict } from "../entry/verdict.js"
import type { NearRead } from "../near/view.js"
import { keptOf } from "./previous.js"
import type { Wanted } from "./wanted.js"

type Found<Key, Value> = readonly [Wanted<Key, Value>, bytes: Uint8Array]

export class Look<Key, Value> {
  readonly absent: Array<readonly [Wanted<Key, Value>, seen: Uint8Array | undefined]> = []
  readonly logs: Array<Effect.Effect<void>> = []
  /** A cached failure is an answer, too. */
  readonly failed: Array<readonly [Wanted<Key, Value>, failure: unknown]> = []
  private readonly stale: Array<Found<Key, Value>> = []
  /** Fresh, and to be refreshed before they end if chance says so. */
  private readonly early: Array<Found<Key, Value>> = []

  constructor(private readonly instance: CacheInstance<Key, Value>, private readonly now: number) {}

  at(wanted: Wanted<Key, Value>, bytes: Uint8Array | undefined, tagState: TagState, reading?: NearRead): void {
    this.take(wanted, judge(this.instance.definition, bytes, this.now, tagState, wanted.redisKey), bytes, reading)
  }

  take(
    wanted: Wanted<Key, Value>,
    verdict: Verdict<Value>,
    bytes: Uint8Array | undefined,
    reading: NearRead | undefined
  ): void {
    const { instance, now } = this
    wanted.kept = keptOf(bytes, verdict)
    switch (verdict._tag) {
      case "Absent":
        this.absent.push([wanted, bytes])
        return
      case "Undecodable":
        this.logs.push(instance.warnings.undecodable(wanted.redisKey, verdict.issue))
        this.absent.push([wanted, bytes])
        return
      case "Failure":
        instance.recorder.hit()
        this.failed.push([wanted, verdict.failure])
        return
      case "Fresh":
        instance.recorder.hit()
        reading?.keep(bytes!, verdict.value)
        if (mayEndEarly(instance, bytes!, now)) this.early.push([wanted, bytes!])
        wanted.answer = { value: verdict.value }
        return
      case "Stale":
        this.atStale(wanted, bytes!, verdict.value, verdict.late)
    }
  }

  private atStale(wanted: Wanted<Key, Value>, bytes: Uint8Array, value: Value, late: number): void {
    const { recorder } = this.instance
    const { bypass, leaseLife, staleIfError, staleWhileRevalidate } = this.instance.definition.policy
    const lease = Entry.leaseState(bytes, this.now, leaseLife)
    // Where nothing can be stored a refresh behind would come to nothing: callers are given what is loaded instead.
    const revalidates = late < staleWhileRevalidate && (this.instance.storing || !bypass)
    if (revalidates || (late < staleIfError && lease === "BackOff")) {
      recorder.hit()
      recorder.stale()
      wanted.answer = { value }
      if (revalidates && lease === "Free") this.stale.push([wanted, bytes])
      return
    }
    const window = late < staleWhileRevalidate ? Math.max(staleWhileRevalidate, staleIfError) : staleIfError
    wanted.stale = late < window ? { value, until: this.now - late + window } : undefined
    this.absent.push([wanted, bytes])
  }

  /** What is refreshed in the background: what is stale, and what chance says of what ends soon. */
  get toRefresh(): Effect.Effect<ReadonlyArray<Found<Key, Value>>> {
    return this.early.length === 0
      ? Effect.succeed(this.stale)
      : Effect.map(
        Effect.filter(this.early, ([, bytes]) => endsEarly(this.instance, bytes, this.now)),
        (early) => [...this.stale, ...early]
      )
  }
}

/** Whether chance decides if a fresh entry is refreshed already: it has an end, and no load of it is under way. */
const mayEndEarly = <Key, Value>({ definition }: CacheInstance<Key, Value>, bytes: Uint8Array, now: number): boolean =>
  definition.policy.earlyRefresh !== 0 && definition.kind === "entry" && Entry.freshUntil(bytes) !== 0 &&
  Entry.leaseState(bytes, now, definition.policy.leaseLife) === "Free"

/** XFetch (Vattani, Chierichetti, Lowenstein, VLDB 2015): the closer to its end, the likelier a refresh. */
const endsEarly = <Key, Value>(
  { definition }: CacheInstance<Key, Value>,
  bytes: Uint8Array,
  now: number
): Effect.Effect<boolean> =>
  Effect.map(Random.next, (random) => {
    const ahead = -Entry.loadMillis(bytes) * definition.policy.earlyRefresh * Math.log(1 - random)
    return now + ahead >= Entry.freshUntil(bytes)
  })
