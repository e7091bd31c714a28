/** What `Cache.make`, `Cache.of` and `Cache.counter` are given, and the definition that comes of it. */
import type * as Schema from "effect/Schema"
import type { Codec } from "../codec/codec.js"
import { counter as counterCodec } from "../codec/counter.js"
import { json } from "../codec/json/json.js"
import { structural } from "../codec/structural/structural.js"
import { type KeySpace, stringKeys, typedKeys } from "../key/keySpace.js"
import { CacheDefinition } from "./definition.js"
import type { TimeToLive } from "./lives.js"
import { decode, type LeaseOptions, type PolicyOptions } from "./policy.js"
import { checkName } from "./refuse.js"

/** What any cache is made with. */
export interface Named<in out Key> {
  /** Not empty, and without `:`. */
  readonly name: string
  /** Types the key. Default: strings, stored as they are. */
  readonly key?: Schema.Schema<Key, any> | undefined // what a key is encoded to does not matter to its users
}

/** How values become bytes. */
export type Stored<Value> =
  | { readonly schema?: undefined; readonly codec?: Codec<Value> | undefined }
  | { readonly schema?: Schema.Schema<Value, any> | undefined; readonly codec?: undefined } // as above

/** A key's type that is given, not inferred (`Cache.make<User, UserId>(…)`), needs a schema that says so. */
export type KeyIsTyped<Key> = string extends Key ? {} : { readonly key: Schema.Schema<NoInfer<Key>, any> } // as above

/** A value's type that is given, not inferred (`Cache.make<User>(…)`), needs a schema or codec that says so. */
export type ValueIsTyped<Value> = unknown extends Value ? {}
  : { readonly schema: Schema.Schema<NoInfer<Value>, any> } | { readonly codec: Codec<NoInfer<Value>> } // as above

/** The part of a policy that counters have. */
export interface CounterPolicy<in Key> {
  readonly timeToLive?: TimeToLive<Key, number> | undefined
  readonly jitter?: number | undefined
  readonly lease?: LeaseOptions | undefined
  readonly maxConcurrentLoads?: number | undefined
}

const keySpace = <Key>(schema: Schema.Schema<Key, any> | undefined): KeySpace<Key> =>
  // as above
  schema === undefined
    ? stringKeys as KeySpace<any> // without a schema the key's type is string: the front door sees to it
    : typedKeys(schema)

/** A definition of a cache of entries. */
export const entries = <Key, Value>(
  options: Named<Key> & Stored<Value> & PolicyOptions<Key, Value, "fail" | "bypass">
): CacheDefinition<Key, Value> => {
  const name = checkName(options.name)
  const codec = options.schema !== undefined ? json(options.schema) : options.codec ?? structural<Value>()
  return new CacheDefinition(name, "entry", keySpace(options.key), codec, undefined, decode(name, options), undefined)
}

/** A definition of a cache of counters. */
export const counters = <Key>(options: Named<Key> & CounterPolicy<Key>): CacheDefinition<Key, number> => {
  const name = checkName(options.name)
  const policy = decode<Key, number>(name, options)
  return new CacheDefinition(name, "counter", keySpace(options.key), counterCodec, undefined, policy, undefined)
}
