/** Reads one key, judges its tags, and passes its entry to the operation. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import type { Reply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { type Epochs, judgeTags, type TagState } from "../entry/tags.js"
import { absence } from "../entry/verdict.js"
import type { NearRead } from "../near/view.js"

const noEpochs: Epochs = new Map()

/**
 * A reply to the read of one entry. `tagState`: what has become of its tags, which may make it stale or absent,
 * whatever its header says.
 */
export abstract class EntryReply<Key, Value, A, E, R> implements Reply<Uint8Array | undefined, A, E, R> {
  /** The read may fill the near tier: it has to know which epochs are read for it. */
  readonly reading: NearRead | undefined = undefined

  constructor(readonly instance: CacheInstance<Key, Value>) {}

  onSuccess(bytes: Uint8Array | undefined, now: number, redisKey: string): Effect.Effect<A, E, R> {
    return bytes !== undefined && Entry.hasTags(bytes)
      ? checkTags(this.instance, bytes, [], noEpochs, now, redisKey, this)
      : this.onEntry(bytes, now, redisKey, "Hold")
  }

  abstract onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    tagState: TagState,
    reading?: NearRead
  ): Effect.Effect<A, E, R>

  abstract onFailure(error: RedisError, redisKey: string): Effect.Effect<A, E, R>
}

/** Around a reply to a read that may fill the near tier. */
class Filling<Key, Value, A, E, R> extends EntryReply<Key, Value, A, E, R> {
  constructor(
    instance: CacheInstance<Key, Value>,
    override readonly reading: NearRead,
    private readonly reply: EntryReply<Key, Value, A, E, R>
  ) {
    super(instance)
  }

  onEntry(bytes: Uint8Array | undefined, now: number, redisKey: string, tagState: TagState) {
    // What is kept is kept at once: whatever the answer leads to comes later.
    const answer = this.reply.onEntry(bytes, now, redisKey, tagState, this.reading)
    this.reading.finish()
    return answer
  }

  onFailure(error: RedisError, redisKey: string) {
    this.reading.finish()
    return this.reply.onFailure(error, redisKey)
  }
}

/** Reads one entry; tags that its key names are read in the same round trip, others cost one more. */
export const readEntry = <Key, Value, A, E, R>(
  redisKey: string,
  key: Key,
  reply: EntryReply<Key, Value, A, E, R>
): Effect.Effect<A, E, R> => {
  const { definition, near } = reply.instance
  // Before a placeholder is put down: it is the user's function, which may throw.
  const required = definition.keyTags(key)
  if (near === undefined) return readFar(redisKey, required, reply)
  const reading = near.read(redisKey)
  return Effect.onError(
    readFar(redisKey, required, new Filling(reply.instance, reading, reply)),
    () => Effect.sync(() => reading.finish())
  )
}

const readFar = <Key, Value, A, E, R>(
  redisKey: string,
  required: ReadonlyArray<string>,
  reply: EntryReply<Key, Value, A, E, R>
): Effect.Effect<A, E, R> => {
  const { instance } = reply
  const { runtime, tags } = instance
  if (required.length === 0) return runtime.reader.get(redisKey, reply)
  const tagKeys = required.map((tag) => tags.key(tag))
  reply.reading?.expect(tagKeys)
  return runtime.reader.getMany([redisKey, ...tagKeys], {
    onSuccess: ([bytes, ...epochs], now) =>
      bytes === undefined
        ? reply.onEntry(undefined, now, redisKey, "Hold")
        : checkTags(
          instance,
          bytes,
          required,
          new Map(required.map((tag, i) => [tag, epochs[i]])),
          now,
          redisKey,
          reply
        ),
    onFailure: (error) => reply.onFailure(error, redisKey)
  })
}

const checkTags = <Key, Value, A, E, R>(
  { definition, runtime, tags }: CacheInstance<Key, Value>,
  bytes: Uint8Array,
  required: ReadonlyArray<string>,
  epochs: Epochs,
  now: number,
  redisKey: string,
  reply: EntryReply<Key, Value, A, E, R>
): Effect.Effect<A, E, R> => {
  if (absence(definition, bytes) !== undefined) return reply.onEntry(bytes, now, redisKey, "Hold")
  const judged = judgeTags(bytes, required, epochs)
  if (typeof judged !== "object") return reply.onEntry(bytes, now, redisKey, judged)
  const tagKeys = judged.map((tag) => tags.key(tag))
  reply.reading?.expect(tagKeys)
  return runtime.driver.getMany(tagKeys, {
    onSuccess: (found, later) => {
      const known = new Map([...epochs, ...judged.map((tag, i) => [tag, found[i]] as const)])
      const state = judgeTags(bytes, required, known)
      return reply.onEntry(bytes, later, redisKey, typeof state === "object" ? "Broken" : state)
    },
    onFailure: (error) => reply.onFailure(error, redisKey)
  })
}
