/** What an operation does with the one entry that it asked for. */
import type * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { Reply } from "../../Driver.js"
import * as Entry from "../entry/format.js"
import type { NearRead } from "../near/view.js"

/** Epochs by tag name, as they were read: `undefined` where there was none. */
export type Epochs = ReadonlyMap<string, Uint8Array | undefined>

const noEpochs: Epochs = new Map()

/** Who can tell whether an entry's tags hold: the binding that the entry was read through. */
export interface TagReader {
  checkTags<A, E, R>(
    bytes: Uint8Array,
    required: ReadonlyArray<string>,
    epochs: Epochs,
    now: number,
    redisKey: string,
    reply: EntryReply<A, E, R>
  ): Effect.Effect<A, E, R>
}

/**
 * A reply to the read of one entry. `invalidated`: one of its tags is no longer what it was, so that it is absent,
 * whatever its header says.
 */
export abstract class EntryReply<A, E, R> implements Reply<Uint8Array | undefined, A, E, R> {
  abstract readonly reader: TagReader
  /** The read may fill the near tier: it has to know which epochs are read for it. */
  readonly reading: NearRead | undefined = undefined

  onSuccess(bytes: Uint8Array | undefined, now: number, redisKey: string): Effect.Effect<A, E, R> {
    return bytes !== undefined && Entry.hasTags(bytes)
      ? this.reader.checkTags(bytes, [], noEpochs, now, redisKey, this)
      : this.onEntry(bytes, now, redisKey, false)
  }

  abstract onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    invalidated: boolean,
    reading?: NearRead
  ): Effect.Effect<A, E, R>

  abstract onFailure(error: RedisError, redisKey: string): Effect.Effect<A, E, R>
}

/** Around a reply to a read that may fill the near tier. */
export class Filling<A, E, R> extends EntryReply<A, E, R> {
  constructor(
    readonly reader: TagReader,
    override readonly reading: NearRead,
    private readonly reply: EntryReply<A, E, R>
  ) {
    super()
  }

  onEntry(bytes: Uint8Array | undefined, now: number, redisKey: string, invalidated: boolean) {
    // What is kept is kept at once: whatever the answer leads to comes later.
    const answer = this.reply.onEntry(bytes, now, redisKey, invalidated, this.reading)
    this.reading.finish()
    return answer
  }

  onFailure(error: RedisError, redisKey: string) {
    this.reading.finish()
    return this.reply.onFailure(error, redisKey)
  }
}
