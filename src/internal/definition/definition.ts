/** What a cache is, without any Redis: plain data, made without any effect. */
import { format, type Inspectable, NodeInspectSymbol } from "effect/Inspectable"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import { CodecError, RedisError } from "../../CacheError.js"
import type { Codec, CodecContext, CodecIssue } from "../codec/codec.js"
import type { KeySpace } from "../key/keySpace.js"
import type { Policy } from "./policy.js"
import * as Show from "./show.js"

export const TypeId: unique symbol = Symbol.for("effect-redis-cache/Cache")

export type TypeId = typeof TypeId

/** What a cache's keys hold: entries with a header, or the plain decimal text of counters. */
export type Kind = "entry" | "counter"

const variance = {
  _Key: (_: never) => _,
  _Value: (_: never) => _,
  _Error: (_: never) => _,
  _Requirements: (_: never) => _
}

export class CacheDefinition<in out Key, in out Value> implements Pipeable, Inspectable {
  readonly [TypeId] = variance

  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly keys: KeySpace<Key>,
    readonly codec: Codec<Value>,
    /** For typed failures that are cached. */
    readonly failureCodec: Codec<unknown> | undefined,
    readonly policy: Policy<Key, Value>,
    /** The function that is memoized under this name, which no other may be; or the text of a property's. */
    readonly owner: object | string | undefined
  ) {}

  pipe(): unknown {
    return pipeArguments(this, arguments)
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return { _id: "Cache", name: this.name, kind: this.kind, ...Show.options(this.policy.given) }
  }

  toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  /** The tags that the key names. */
  keyTags(key: Key): ReadonlyArray<string> {
    const { tags } = this.policy
    return tags === undefined ? [] : tags(key)
  }

  /** The context that a codec gets for a value. */
  context(redisKey: string): CodecContext {
    return { key: redisKey, maxSize: this.policy.maxValueSize }
  }

  /**
   * A failure of the store under the name of the operation that was called, whatever steps that takes. One that names
   * another cache came out of the user's function, and stays as it is.
   */
  redisError(operation: string, error: RedisError): RedisError {
    const { cache, cause, reason } = error
    return cache === undefined || cache === this.name
      ? new RedisError({ reason, operation, cache: this.name, cause })
      : error
  }

  codecError(subject: CodecError["subject"], issue: CodecIssue): CodecError {
    return new CodecError({ subject, cache: this.name, ...issue })
  }
}
