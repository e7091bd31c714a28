/** One cache's view of the near tier: the copies to serve, and the reads that fill it. */
import type * as Clock from "effect/Clock"
import type { NearPolicy } from "../definition/policy.js"
import * as Entry from "../entry/format.js"
import * as Key from "../key/encode.js"
import type { Copy, NearCopies, NearEpoch } from "./copies.js"
import type { NearTier, Placeholder } from "./tier.js"

/** The near tier as one cache sees it. */
export class Near {
  private readonly maxStaleness: number
  private readonly earlyRefresh: number

  constructor(
    readonly tier: NearTier,
    readonly copies: NearCopies,
    private readonly policy: NearPolicy,
    /** Precedes every key of the cache. */
    private readonly prefix: string,
    /** Keys are plain strings. */
    readonly byString: boolean,
    readonly tagKey: (tag: string) => string
  ) {
    this.maxStaleness = policy.maxStaleness
    this.earlyRefresh = policy.earlyRefresh
  }

  get servesStale(): boolean {
    return this.policy.serveStale
  }

  /** Call it before the read of this key is sent. */
  read(key: string): NearRead {
    return new NearRead(this, key)
  }

  /** A copy that may be served instead of asking the store. */
  find(key: string, clock: Clock.Clock): Copy | undefined {
    const { feed } = this.tier
    const now = this.tier.now(clock)
    // Requested even if there is no copy: lookups need proofs.
    if (!feed.proven(this.maxStaleness, now)) return undefined
    const copy = this.copies.get(key)
    return copy !== undefined && this.copies.lives(copy, now + feed.offset) ? copy : undefined
  }

  /** The key of a Redis key's copies: the one that callers use, if it is a string. */
  keyOf(redisKey: string): string {
    const stored = redisKey.slice(this.prefix.length)
    return this.byString ? Key.decodeString(stored) : stored
  }

  /**
   * Until when a copy may be served. With early refreshes it ends at random, the earlier the longer its load took, as
   * for reads of the store: then a caller reads the store, and may refresh the value.
   */
  freshUntil(bytes: Uint8Array): number {
    const until = Entry.freshUntil(bytes)
    return until === 0 || this.earlyRefresh === 0
      ? until
      : until + Entry.loadMillis(bytes) * this.earlyRefresh * Math.log(1 - this.tier.fraction())
  }

  /** A copy that may be served because the store fails; `stale`: even after its fresh life, inside `staleIfError`. */
  whileAway(redisKey: string, stale: boolean, clock: Clock.Clock): Copy | undefined {
    const { maxStaleness, serveStale, staleIfError } = this.policy
    const now = this.tier.now(clock)
    if (!serveStale || !this.tier.feed.awayFor(maxStaleness + staleIfError, now)) return undefined
    const copy = this.copies.get(this.keyOf(redisKey))
    return copy !== undefined && this.copies.lives(copy, now + this.tier.feed.offset, stale ? staleIfError : 0)
      ? copy
      : undefined
  }
}

/** One read that may fill the near tier: the placeholders that it put down before it was sent. */
export class NearRead {
  private readonly placeholder: Placeholder
  private readonly order: number
  private tags: Map<string, Placeholder> | undefined
  private finished = false

  constructor(private readonly near: Near, private readonly key: string) {
    this.placeholder = near.tier.begin(key)
    this.order = near.tier.next()
  }

  /** Call it before the epochs of these tags are read for this entry. */
  expect(tagKeys: ReadonlyArray<string>): void {
    if (this.finished) return
    this.tags ??= new Map()
    for (const tagKey of tagKeys) if (!this.tags.has(tagKey)) this.tags.set(tagKey, this.near.tier.begin(tagKey))
  }

  /** Keeps a value that was read and is fresh, if neither it nor any of its tags has changed since. */
  keep(bytes: Uint8Array, value: unknown): void {
    const { copies, tier } = this.near
    if (this.finished || !tier.isOpen(this.key, this.placeholder, this.order)) return
    // Without a link, nothing would end the copy; it may only be served if the store fails.
    if (!tier.feed.isLinked && !copies.servesStale) return
    let epochs: Array<NearEpoch> | undefined
    if (Entry.hasTags(bytes)) {
      epochs = []
      for (const { epoch, name } of Entry.tags(bytes) ?? []) {
        const key = this.near.tagKey(name)
        const placeholder = this.tags?.get(key)
        if (placeholder === undefined || !tier.isOpen(key, placeholder, this.order)) return
        epochs.push(copies.epoch(key, epoch))
      }
    }
    copies.set(this.near.keyOf(this.key), value, this.near.freshUntil(bytes), epochs, bytes.length)
  }

  /** The read is over, answered or given up. */
  finish(): void {
    if (this.finished) return
    this.finished = true
    this.near.tier.finish(this.key, this.placeholder, this.order)
    for (const [key, placeholder] of this.tags ?? []) this.near.tier.finish(key, placeholder, this.order)
  }
}
