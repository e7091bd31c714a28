/** What an operation does with the one entry that it asked for. */
import type * as Effect from "effect/Effect"
import type { RedisError } from "../CacheError.js"
import type { Reply } from "../Driver.js"
import * as Entry from "./entry.js"

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

  onSuccess(bytes: Uint8Array | undefined, now: number, redisKey: string): Effect.Effect<A, E, R> {
    return bytes !== undefined && Entry.hasTags(bytes)
      ? this.reader.checkTags(bytes, [], noEpochs, now, redisKey, this)
      : this.onEntry(bytes, now, redisKey, false)
  }

  abstract onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    invalidated: boolean
  ): Effect.Effect<A, E, R>

  abstract onFailure(error: RedisError, redisKey: string): Effect.Effect<A, E, R>
}
