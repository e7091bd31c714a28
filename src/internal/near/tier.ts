/**
 * The near tier: decoded copies of entries in this process, for caches with `near`.
 *
 * A copy is served without asking the store, so it must be gone once the entry has changed. Four mechanisms ensure
 * that, and each is needed:
 *
 * - **The feed** (`changes/feed.ts`): the store reports every changed key, whichever program changed it, and its copy
 *   is removed. A hit needs a proof, younger than `maxStaleness`, that the feed is alive.
 * - **Placeholders**: a read puts one down before it is sent. Whatever removes the copy of a key removes its placeholder
 *   as well, so an answer that was on its way meanwhile finds another placeholder, or none, and fills nothing. Reads of
 *   one key that overlap without a change between them share one, in which an older answer never follows a newer.
 * - **Own writes**: the feed reports them late. So a write of this process removes copy and placeholder when it is
 *   called, because of earlier reads, and again when it is answered, fails or is given up, because of reads meanwhile.
 * - **Time**: the store reports expiry late. So a copy knows when its fresh life ends.
 *
 * Only reads fill it, never writes: a write's answer says nothing about what came after it.
 *
 * A tagged copy refers to its tags' epochs, which were read with it and are watched as it is; an epoch that changed, or
 * that was evicted to make room, ends all copies that refer to it, without searching for them.
 *
 * When the link is lost, all copies are dropped, and again when it is back. With `onDisconnect: "serveStale"` the
 * copies stay meanwhile and are still filled, but they are served only if the store has failed the caller.
 */
import type * as Clock from "effect/Clock"
import * as Equal from "effect/Equal"
import type * as MetricLabel from "effect/MetricLabel"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { Feed } from "../changes/feed.js"
import type { Listener } from "../changes/listener.js"
import type { NearPolicy } from "../definition/policy.js"
import type { Driver } from "../driver/driver.js"
import { tagKeyPrefix } from "../key/reserved.js"
import { NearCopies } from "./copies.js"
import { NearFigures } from "./figures.js"

/** Stands for the reads of one key that are under way; the same one is there as long as nothing has changed. */
export interface Placeholder {
  readers: number
  /** The latest of them that is over: a later answer to an earlier read fills nothing. */
  over: number
}

/** How many names of caches are remembered before unused ones are looked for. */
const leastNames = 100

export class NearTier implements Listener {
  private readonly prefix: string
  private readonly tagPrefix: string
  /** By cache name. Weak, so that caches made on the fly leave nothing behind: the binding holds them. */
  private readonly caches = new Map<string, ReadonlyArray<WeakRef<NearCopies>>>()
  private manyNames = leastNames
  private readonly placeholders = new Map<string, Placeholder>()
  private begun = 0
  /** Copies that belong to no cache any more are not counted. */
  private readonly gone = new FinalizationRegistry<NearFigures>((figures) => figures.size(0, 0))

  constructor(private readonly driver: Driver, readonly feed: Feed, private readonly random: RandomBytes) {
    this.prefix = driver.prefix
    this.tagPrefix = tagKeyPrefix(driver.prefix)
    feed.listen(this)
  }

  /**
   * The copies of a cache. Caches with one name that read the same bytes in the same way share them; the bounds of the
   * first one apply.
   */
  open(
    name: string,
    identity: unknown,
    policy: NearPolicy,
    labels: ReadonlyArray<MetricLabel.MetricLabel>
  ): NearCopies {
    this.feed.want(policy.maxStaleness)
    for (const copies of this.of(name)) if (Equal.equals(copies.identity, identity)) return copies
    const figures = new NearFigures(labels)
    const copies = new NearCopies(identity, policy, figures)
    this.gone.register(copies, figures)
    this.caches.set(name, [...this.of(name)].concat(copies).map((each) => new WeakRef(each)))
    if (this.caches.size > this.manyNames) this.forgetNames()
    return copies
  }

  /** Caches made on the fly may each have a name of its own. */
  private forgetNames(): void {
    for (const [name, refs] of this.caches) {
      if (refs.every((ref) => ref.deref() === undefined)) this.caches.delete(name)
    }
    this.manyNames = Math.max(leastNames, 2 * this.caches.size)
  }

  private *of(name: string): Iterable<NearCopies> {
    for (const ref of this.caches.get(name) ?? []) {
      const copies = ref.deref()
      if (copies !== undefined) yield copies
    }
  }

  /** On a clock of this machine that never goes back. */
  now(clock: Clock.Clock): number {
    return this.driver.unsafeMonotonic(clock)
  }

  /** A number from 0 to 1, excluding 1. */
  fraction(): number {
    return this.random.fraction()
  }

  // ---- placeholders

  /** Call it before a read is sent; `finish` follows. */
  begin(key: string): Placeholder {
    const there = this.placeholders.get(key)
    if (there !== undefined) {
      there.readers++
      return there
    }
    const placeholder = { readers: 1, over: 0 }
    this.placeholders.set(key, placeholder)
    return placeholder
  }

  /** Numbers reads in the order in which they begin. */
  next(): number {
    return ++this.begun
  }

  /** Whether nothing has changed since this read began, and no later read is over. */
  isOpen(key: string, placeholder: Placeholder, read: number): boolean {
    return this.placeholders.get(key) === placeholder && placeholder.over <= read
  }

  finish(key: string, placeholder: Placeholder, read: number): void {
    placeholder.over = Math.max(placeholder.over, read)
    if (--placeholder.readers === 0 && this.placeholders.get(key) === placeholder) this.placeholders.delete(key)
  }

  /** How many keys are being read, for leak hunts. */
  get reading(): number {
    return this.placeholders.size
  }

  /** How many names of caches are remembered, for the same. */
  get names(): number {
    return this.caches.size
  }

  // ---- what has changed

  /** A key has changed, or may have: everything known about it is dropped. */
  evict(key: string): void {
    if (this.caches.size === 0) return
    this.placeholders.delete(key)
    const isTag = key.startsWith(this.tagPrefix)
    if (!isTag && !key.startsWith(this.prefix)) return
    const start = isTag ? this.tagPrefix.length : this.prefix.length
    const end = key.indexOf(":", start)
    if (end < 0) return
    for (const copies of this.of(key.slice(start, end))) {
      if (isTag) copies.deleteEpoch(key)
      else copies.delete(key.slice(end + 1))
    }
  }

  /** All keys of a cache. */
  evictAll(name: string): void {
    if (this.caches.size === 0) return
    this.placeholders.clear()
    for (const copies of this.of(name)) copies.clear()
  }

  changed(key: string): void {
    this.evict(key)
  }

  changedAll(): void {
    this.placeholders.clear()
    for (const copies of this.alive()) copies.clear()
  }

  lost(): void {
    this.placeholders.clear()
    for (const copies of this.alive()) if (!copies.servesStale) copies.clear()
  }

  /** The layer closes: nothing is kept any more. */
  close(): void {
    this.changedAll()
  }

  /** Copies from before there was a link may have changed unnoticed. */
  resumed(): void {
    this.changedAll()
  }

  private *alive(): Iterable<NearCopies> {
    for (const name of this.caches.keys()) yield* this.of(name)
  }
}
