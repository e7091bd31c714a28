/** What plain gets and sets do with their answers. There is one of each for a binding, so that a hit allocates none. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RedisError } from "../CacheError.js"
import type { Reply } from "../Driver.js"
import type { Binding } from "./binding.js"
import { EntryReply } from "./entryReply.js"
import type { NearRead } from "./near/near.js"
import { detach } from "./runtime.js"

const none = Exit.succeed(Option.none<never>())

/** What `Cache.get` does with an entry. */
export class GetReply<Key, Value> extends EntryReply<Option.Option<Value>, RedisError, never> {
  constructor(readonly reader: Binding<Key, Value>) {
    super()
  }

  onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    invalidated: boolean,
    reading?: NearRead
  ): Effect.Effect<Option.Option<Value>> {
    if (bytes === undefined || this.reader.state(bytes, now, invalidated) !== "Fresh") return this.miss()
    const value = this.reader.decode(bytes, redisKey)
    if (Either.isRight(value)) {
      reading?.keep(bytes, value.right)
      this.reader.recorder.hit()
      return Exit.succeed(Option.some(value.right))
    }
    return Effect.zipRight(this.reader.undecodable(redisKey, value.left, now), this.miss())
  }

  onFailure(error: RedisError, redisKey: string): Effect.Effect<Option.Option<Value>, RedisError> {
    const { near } = this.reader
    if (near?.servesStale === true) {
      return Effect.clockWith((clock) => {
        const copy = near.whileAway(redisKey, false, clock)
        if (copy === undefined) return this.failed(error)
        this.reader.recorder.nearHit()
        // It was read through a cache of the same codec.
        return Exit.succeed(Option.some(copy.value as Value))
      })
    }
    return this.failed(error)
  }

  private failed(error: RedisError): Effect.Effect<Option.Option<Value>, RedisError> {
    if (!this.reader.model.policy.bypass) return Exit.fail(error)
    this.reader.recorder.bypass()
    return this.miss()
  }

  private miss() {
    this.reader.recorder.miss()
    return none
  }
}

/** What `Cache.set` does with its answer. */
export class SetReply<Key, Value> implements Reply<void, void, RedisError, never> {
  constructor(private readonly binding: Binding<Key, Value>) {}

  onSuccess(_: void, __: number, redisKey: string) {
    detach(this.binding.runtime, redisKey)
    this.binding.recorder.write()
    return Exit.void
  }

  onFailure(error: RedisError, redisKey: string) {
    detach(this.binding.runtime, redisKey)
    return dropOrFail(this.binding, error)
  }
}

/** A write that the store did not do: dropped under `bypass`. */
export const dropOrFail = <Key, Value>(
  binding: Binding<Key, Value>,
  error: RedisError
): Exit.Exit<void, RedisError> => {
  if (!binding.model.policy.bypass) return Exit.fail(error)
  binding.recorder.bypass()
  return Exit.void
}
