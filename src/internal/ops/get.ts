/** `Cache.get`. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { CodecError, RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import type { CacheInstance } from "../cache/instance.js"
import type { CacheDefinition } from "../definition/definition.js"
import type { TagState } from "../entry/tags.js"
import { judge } from "../entry/verdict.js"
import type { Copy } from "../near/copies.js"
import type { NearRead } from "../near/view.js"
import { CopyRead } from "../read/copyRead.js"
import { EntryReply, readEntry } from "../read/one.js"

class Get<in out Key, in out Value> extends CopyRead<Key, Value, Option.Option<Value>, RedisError, never> {
  override answer(copy: Copy): Option.Option<Value> {
    return Option.some(copy.value as Value) // it was read through a cache of the same codec
  }

  protected override get operation(): string {
    return "get"
  }

  protected override ask(
    instance: CacheInstance<Key, Value>,
    redisKey: string
  ): Effect.Effect<Option.Option<Value>, RedisError> {
    return readEntry(redisKey, this.key, new GetReply(instance))
  }
}

export const get = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<Option.Option<Value>, RedisError | CodecError, Redis> => new Get(definition, key)

export const has = <Key, Value>(
  definition: CacheDefinition<Key, Value>,
  key: Key
): Effect.Effect<boolean, RedisError | CodecError, Redis> => Effect.map(get(definition, key), Option.isSome)

const none = Exit.succeed(Option.none<never>())

/** How `Cache.get` handles an entry. */
class GetReply<Key, Value> extends EntryReply<Key, Value, Option.Option<Value>, RedisError, never> {
  onEntry(
    bytes: Uint8Array | undefined,
    now: number,
    redisKey: string,
    tagState: TagState,
    reading?: NearRead
  ): Effect.Effect<Option.Option<Value>> {
    const verdict = judge(this.instance.definition, bytes, now, tagState, redisKey)
    if (verdict._tag === "Fresh") {
      reading?.keep(bytes!, verdict.value)
      this.instance.recorder.hit()
      return Exit.succeed(Option.some(verdict.value))
    }
    return verdict._tag === "Undecodable"
      ? Effect.zipRight(this.instance.warnings.undecodable(redisKey, verdict.issue), this.miss())
      : this.miss()
  }

  onFailure(error: RedisError, redisKey: string): Effect.Effect<Option.Option<Value>, RedisError> {
    const { near } = this.instance
    if (near?.servesStale === true) {
      return Effect.clockWith((clock) => {
        const copy = near.whileAway(redisKey, false, clock)
        if (copy === undefined) return this.failed(error)
        this.instance.recorder.nearHit()
        // It was read through a cache of the same codec.
        return Exit.succeed(Option.some(copy.value as Value))
      })
    }
    return this.failed(error)
  }

  private failed(error: RedisError): Effect.Effect<Option.Option<Value>, RedisError> {
    const { definition } = this.instance
    if (!definition.policy.bypass) return Exit.fail(definition.redisError("get", error))
    return Effect.zipRight(this.instance.warnings.bypassed(error, undefined), this.miss())
  }

  private miss() {
    this.instance.recorder.miss()
    return none
  }
}
