/** A cache as the inside sees it: plain data, made without any effect. */
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import type { Codec } from "../codec/codec.js"
import type { Kind } from "../entry/format.js"
import type { KeySpace } from "../key/keySpace.js"
import type { Policy } from "./policy.js"

export const TypeId: unique symbol = Symbol.for("effect-redis-cache/Cache")

export type TypeId = typeof TypeId

const variance = {
  _Key: (_: never) => _,
  _Value: (_: never) => _,
  _Error: (_: never) => _,
  _Requirements: (_: never) => _
}

export class Model<in out Key, in out Value> implements Pipeable {
  readonly [TypeId] = variance

  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly keys: KeySpace<Key>,
    readonly codec: Codec<Value>,
    /** For typed failures that are cached. */
    readonly failureCodec: Codec<unknown> | undefined,
    readonly policy: Policy<Key, Value>,
    /** The source text of the function that is memoized under this name. */
    readonly source: string | undefined
  ) {}

  pipe(): unknown {
    return pipeArguments(this, arguments)
  }
}
