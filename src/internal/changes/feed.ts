/**
 * The reports of changes in the store, and the proof that they still arrive.
 *
 * A driver reports every changed key (`Driver.watch`), in the order of the changes, over a link that may be lost, or
 * may fall silent unnoticed. So a heartbeat is written now and then, under a key that nothing else uses, and its own
 * echo is awaited: when the echo comes, everything that was written before the heartbeat was sent has been reported
 * too. The proof is as old as the sending of the heartbeat, on a clock that never goes back: a process that was stopped
 * for a minute finds on its next look that its proof is a minute old. After the machine was suspended there is no proof
 * until there is a new one (`Watcher.onSleep`). A proof also requires that the heartbeat was acknowledged, and a driver
 * delivers no answer before it knows the time. So copies are judged by a time that was measured after the machine woke
 * up.
 *
 * Two echoes must not be confused, or an older one would prove something newer. So only one heartbeat is under way at a
 * time, and the key changes after one that did not come back, and after a pause (the key may have expired, which is
 * reported, too).
 *
 * After a failover, reads may for a while go to the replaced server, while the link already leads to the new one. A
 * heartbeat takes the same way as reads and writes, so there is no proof then. Copies that were read before the
 * driver's connections were made anew are dropped before there is a new proof.
 *
 * Near tiers, callers that wait for a load of another process, streams of changes and reactive queries are all
 * `Listener`s of this one feed. It follows the store from when it is first needed. While a listener follows it
 * (`follow`), heartbeats do not pause, so that a link that falls silent is noticed within a second or two.
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../CacheError.js"
import { toHex } from "../bytes/hex.js"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { Driver, Link, Watcher, Write } from "../driver/driver.js"
import { type Bell, Bells } from "./bells.js"
import type { Listener } from "./listener.js"

export type { Bell }

/** How many heartbeats are sent while a proof is valid, and the longest pause between two, in ms. */
const beatsPerProof = 4
const longestInterval = 500
/** Heartbeats end when there was no lookup for this long, in ms, and begin again with the next one. */
const idleMillis = 60_000
/** If a link brings no echo for this long, in ms, it is made anew. */
const patienceMillis = 1_000
/** How long a heartbeat's key lives, in ms: longer than any pause between two. */
const heartbeatLife = 10 * idleMillis
/** When to ask a store again that refused to report, in ms: it, or its user's rights, may have changed by then. */
const refusedMillis = 60_000

const beatBytes = new Uint8Array([1])

interface Beat {
  readonly sentAt: number
  /** The keys whose echo has not come back. */
  readonly open: Set<string>
  acknowledged: boolean
}

export class Feed implements Watcher {
  private link: Link | undefined
  /** How many connections the driver has made, as of the link or the last heartbeat. */
  private connections = 0
  /** Server time less this machine's, as of the last proof: so a hit needs only one reading of the clock. */
  offset = 0
  private proof = -Infinity
  private last = -Infinity
  private beat: Beat | undefined
  /** Of the heartbeats' keys. */
  private id = ""
  /** How often a heartbeat is sent, in ms. */
  private interval = longestInterval
  private used = false
  private parked = true
  private readonly wanted = Effect.unsafeMakeLatch(false)
  private readonly beating = Effect.unsafeMakeLatch(false)
  private readonly bells = new Bells()
  /** In the order in which they were added: a near tier drops its copy before other listeners are notified. */
  private readonly listeners = new Set<Listener>([this.bells])
  /** How many listeners need to know when reports stop. */
  private followers = 0
  private clock: Clock.Clock | undefined
  /** Why the store does not report changes. */
  private refusal: RedisError | undefined
  /** Done when there is a link, or when there can be none. */
  private linked: Deferred.Deferred<void, RedisError> = Deferred.unsafeMake(FiberId.none)

  constructor(private readonly driver: Driver, private readonly random: RandomBytes) {}

  /** Reports changes to a listener, as long as the feed runs. */
  listen(listener: Listener): void {
    this.listeners.add(listener)
  }

  /**
   * The same while the scope is open, with proofs as long as there is a link. It resumes first, now or when there is a
   * link.
   */
  follow(listener: Listener): Effect.Effect<void, never, Scope.Scope> {
    const begin = Effect.sync(() => {
      this.listeners.add(listener)
      this.followers++
      this.wanted.unsafeOpen()
      if (this.needsBeats) this.wake()
      if (this.isLinked) listener.resumed()
    })
    const end = Effect.sync(() => {
      this.followers--
      this.listeners.delete(listener)
    })
    return Effect.acquireRelease(begin, () => end)
  }

  /** Some listener needs reports, with proofs that are valid for this many ms. */
  want(maxStaleness: number): void {
    this.interval = Math.min(this.interval, Math.max(1, maxStaleness / beatsPerProof))
    this.wanted.unsafeOpen()
  }

  /** Waits until there is a link; fails if the store refuses to report changes. */
  readonly start: Effect.Effect<void, RedisError> = Effect.suspend(() => {
    this.wanted.unsafeOpen()
    return this.refusal === undefined ? Deferred.await(this.linked) : Exit.fail(this.refusal)
  })

  /** Whether all changes that were acknowledged `maxStaleness` ms ago are known by now. */
  proven(maxStaleness: number, now: number): boolean {
    this.used = true
    if (this.needsBeats) this.wake()
    return now - this.proof < maxStaleness
  }

  /** Whether the link is lost, and the last proof is not older than `millis`. */
  awayFor(millis: number, now: number): boolean {
    return now - this.last < millis
  }

  get isLinked(): boolean {
    return this.link !== undefined
  }

  /** Whether a change of a key would ring its bell. */
  hears(clock: Clock.Clock): boolean {
    return this.link !== undefined && this.proven(this.interval * beatsPerProof, this.driver.unsafeMonotonic(clock))
  }

  hang(key: string): Bell {
    return this.bells.hang(key)
  }

  unhang(bell: Bell): void {
    this.bells.unhang(bell)
  }

  /** Runs from when it is first needed until the layer closes. */
  readonly run: Effect.Effect<void> = Effect.clockWith((clock) => {
    this.clock = clock
    return this.wanted.await.pipe(
      Effect.zipRight(Effect.forkScoped(this.beats)),
      Effect.zipRight(Effect.suspend(() => this.driver.watch(this))),
      Effect.scoped,
      Effect.catchAll((error) => Effect.zipRight(this.refused(error), Effect.sleep(refusedMillis))),
      Effect.forever
    )
  })

  private refused(error: RedisError): Effect.Effect<void> {
    const told = this.refusal?.message === error.message
    this.refusal = error
    this.onLoss()
    Deferred.unsafeDone(this.linked, Exit.fail(error))
    this.linked = Deferred.unsafeMake(FiberId.none)
    return told ? Effect.void : Effect.logWarning(
      `This Redis does not report changes, so near copies are bypassed: ${error.message}. Near copies need CLIENT TRACKING`
    )
  }

  // ---- what the driver tells

  readonly onLink = (link: Link): void => {
    this.link = link
    this.connections = this.driver.unsafeConnections()
    this.refusal = undefined
    this.forgetBeat()
    if (link.heartbeats(this.id).length === 0) {
      this.proof = Infinity
      this.last = Infinity
      this.takeTime()
    } else {
      this.proof = -Infinity
      this.wake()
    }
    for (const listener of this.listeners) listener.resumed()
    Deferred.unsafeDone(this.linked, Exit.void)
  }

  readonly onChange = (keys: ReadonlyArray<string> | undefined): void => {
    if (keys === undefined) {
      for (const listener of this.listeners) listener.changedAll()
      return
    }
    // All keys of one message count first: a proof covers them, too.
    let echoed = false
    for (const key of keys) {
      if (this.beat?.open.delete(key) === true) echoed = true
      else for (const listener of this.listeners) listener.changed(key)
    }
    if (echoed) this.prove()
  }

  readonly onLoss = (): void => {
    this.link = undefined
    this.forgetBeat()
    this.proof = -Infinity
    this.beating.unsafeClose()
    for (const listener of this.listeners) listener.lost()
  }

  readonly onSleep = (): void => {
    // Reports over a link without heartbeats cannot be late.
    if (this.proof === Infinity) return
    this.proof = -Infinity
    this.forgetBeat()
  }

  private prove(): void {
    const { beat } = this
    if (beat === undefined || beat.open.size > 0 || !beat.acknowledged) return
    this.beat = undefined
    this.proof = beat.sentAt
    this.last = beat.sentAt
    this.takeTime()
  }

  private takeTime(): void {
    const { clock } = this
    if (clock !== undefined) this.offset = this.driver.unsafeNow(clock) - this.driver.unsafeMonotonic(clock)
  }

  // ---- heartbeats

  /** Heartbeats rest, and there is a link that may fall silent. */
  private get needsBeats(): boolean {
    return this.parked && this.link !== undefined && this.proof !== Infinity
  }

  private wake(): void {
    this.parked = false
    this.beating.unsafeOpen()
  }

  /** A late echo does not belong to the next heartbeat, which has another key. */
  private forgetBeat(): void {
    this.beat = undefined
    this.id = toHex(this.random.make(8))
  }

  private readonly beats: Effect.Effect<never> = Effect.suspend(() => {
    let idle = 0
    const pause = Effect.suspend(() => {
      idle = this.used || this.followers > 0 ? 0 : idle + this.interval
      this.used = false
      if (idle >= idleMillis) {
        idle = 0
        this.parked = true
        this.beating.unsafeClose()
        this.forgetBeat()
      }
      return Effect.sleep(this.interval)
    })
    return Effect.forever(this.beating.await.pipe(Effect.zipRight(this.sendBeat), Effect.zipRight(pause)))
  })

  /** Sends a heartbeat, unless one is under way: then either its echo comes, or the link is given up. */
  private readonly sendBeat: Effect.Effect<void> = Effect.clockWith((clock) => {
    const { link } = this
    if (link === undefined) return Effect.void
    const sentAt = this.driver.unsafeMonotonic(clock)
    if (this.beat !== undefined && this.connections === this.driver.unsafeConnections()) {
      if (sentAt - this.beat.sentAt >= patienceMillis) {
        this.forgetBeat()
        link.renew()
      }
      return Effect.void
    }
    const connections = this.driver.unsafeConnections()
    if (connections !== this.connections) {
      // Values that were read over an earlier connection may be from another server, whose changes this link misses.
      this.connections = connections
      this.forgetBeat()
      this.proof = -Infinity
      for (const listener of this.listeners) {
        listener.lost()
        listener.resumed()
      }
    }
    const keys = link.heartbeats(this.id)
    const beat: Beat = { sentAt, open: new Set(keys), acknowledged: false }
    this.beat = beat
    const writes = keys.map((key): Write => ({ key, bytes: beatBytes, life: heartbeatLife }))
    return this.driver.setMany(writes, {
      onSuccess: () => {
        beat.acknowledged = true
        if (this.beat === beat) this.prove()
        return Exit.void
      },
      onFailure: () => {
        // It is not known whether it was written, so no echo is missed.
        if (this.beat === beat) this.forgetBeat()
        return Exit.void
      }
    })
  })
}
