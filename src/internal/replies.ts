/** What plain gets and sets do with their answers. There is one of each for a binding, so that a hit allocates none. */
import * as Effect from "effect/Effect"
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
    const verdict = this.reader.judge(bytes, now, invalidated, redisKey)
    if (verdict._tag === "Fresh") {
      reading?.keep(bytes!, verdict.value)
      this.reader.recorder.hit()
      return Exit.succeed(Option.some(verdict.value))
    }
    return verdict._tag === "Undecodable"
      ? Effect.zipRight(this.reader.undecodable(redisKey, verdict.issue, now), this.miss())
      : this.miss()
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
    return Effect.zipRight(this.reader.bypassed(error, undefined), this.miss())
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
    this.binding.storing = true
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
): Effect.Effect<void, RedisError> =>
  binding.model.policy.bypass ? binding.bypassed(error, undefined) : Exit.fail(error)
