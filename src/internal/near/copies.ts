/** The copies of a cache, bounded, with the tags that they depend on. */
import { LRUCache } from "lru-cache"
import type { NearPolicy } from "../definition/policy.js"
import * as Entry from "../entry/format.js"
import * as Key from "../key/encode.js"
import type { NearFigures } from "./figures.js"

/** The epoch of a tag, as long as nothing is known to have changed it. Copies refer to it, so one change ends them all. */
export class NearEpoch {
  live = true

  constructor(readonly bytes: Uint8Array) {}
}

/** A decoded value. There may be millions of them, so they have only fields that most of them need. */
export class Copy {
  constructor(
    readonly value: unknown,
    /** When its fresh life ends, in whole ms from `NearCopies.origin`; `never`. */
    readonly end: number
  ) {}

  /** Whether none of its tags was invalidated. */
  get holds(): boolean {
    return true
  }
}

/** A copy of an entry with tags. */
export class TaggedCopy extends Copy {
  constructor(value: unknown, end: number, private readonly tags: ReadonlyArray<NearEpoch>) {
    super(value, end)
  }

  override get holds(): boolean {
    for (const tag of this.tags) if (!tag.live) return false
    return true
  }
}

const never = 0

/** The size of a copy without its value, in bytes, as `maxBytes` counts it. */
const copyOverhead = 160

/** The most tags that are remembered, unless there may be more copies. */
const leastEpochs = 10_000

export class NearCopies {
  private readonly copies: LRUCache<string, Copy>
  private epochs: LRUCache<string, NearEpoch> | undefined
  /** The first end that was kept, in server time. From there the others are small numbers, which take no memory. */
  private origin: number | undefined
  /** Copies stay when the link is lost, to be served while the store is unreachable. */
  readonly servesStale: boolean

  constructor(
    /** Identifies the caches that may share them: those that read the same bytes in the same way. */
    readonly identity: unknown,
    private readonly policy: NearPolicy,
    private readonly figures: NearFigures
  ) {
    const { capacity, maxBytes, serveStale } = policy
    // Zero stands for no bound.
    this.copies = new LRUCache({
      max: capacity ?? 0,
      maxSize: maxBytes ?? 0,
      dispose: (_copy, _key, reason) => {
        if (reason === "evict") figures.evicted()
      }
    })
    this.servesStale = serveStale
  }

  get(key: string): Copy | undefined {
    return this.copies.get(key)
  }

  /** Whether a copy may be served at a server time of `now`, or was fresh then and until `window` ms before. */
  lives(copy: Copy, now: number, window = 0): boolean {
    return copy.holds && (copy.end === never || copy.end + window > now - this.origin!)
  }

  /** Keeps a value until `freshUntil`, server time; 0: it never expires. `bytes` is the size of its entry. */
  set(
    key: string,
    value: unknown,
    freshUntil: number,
    tags: ReadonlyArray<NearEpoch> | undefined,
    bytes: number
  ): void {
    const end = freshUntil === 0 ? never : this.endOf(freshUntil)
    const copy = tags === undefined ? new Copy(value, end) : new TaggedCopy(value, end, tags)
    this.copies.set(key, copy, this.copies.maxSize === 0 ? {} : { size: key.length + bytes + copyOverhead })
    this.count()
  }

  private count(): void {
    this.figures.size(this.copies.size, this.copies.calculatedSize)
  }

  private endOf(freshUntil: number): number {
    this.origin ??= Math.ceil(freshUntil) - 1
    // It is better to end a ms early than a ms late.
    return Math.floor(freshUntil - this.origin) || -1
  }

  /** The epoch of a tag as it is shared by the copies that name it. */
  epoch(tagKey: string, bytes: Uint8Array): NearEpoch {
    this.epochs ??= new LRUCache({
      max: Math.max(leastEpochs, this.policy.capacity ?? 0),
      // A tag that is forgotten can no longer end its copies.
      dispose: (epoch) => {
        epoch.live = false
      }
    })
    const known = this.epochs.get(tagKey)
    if (known !== undefined && Entry.sameBytes(known.bytes, bytes)) return known
    // A copy of the bytes: they are a part of a whole reply.
    const epoch = new NearEpoch(bytes.slice())
    this.epochs.set(tagKey, epoch)
    return epoch
  }

  /** By what stands after the cache's name in the Redis key: caches of string keys look under the key that it is made of. */
  delete(stored: string): void {
    this.copies.delete(stored)
    const key = Key.decodeString(stored)
    if (key !== stored) this.copies.delete(key)
    this.count()
  }

  deleteEpoch(tagKey: string): void {
    this.epochs?.delete(tagKey)
  }

  clear(): void {
    this.copies.clear()
    this.epochs?.clear()
    this.count()
  }

  get size(): number {
    return this.copies.size
  }
}
