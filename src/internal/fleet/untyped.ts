/**
 * A cache of which only the name is known. What its entries show by themselves replaces a definition: whether they are
 * counters, and which version they have. So the same code judges them as in the caches' own processes
 * (`entry/verdict`), except for the one thing that only a codec knows: whether a payload decodes.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import { CacheInstance } from "../cache/instance.js"
import type { Runtime } from "../cache/runtime.js"
import type { Codec } from "../codec/codec.js"
import { make } from "../codec/make.js"
import { CacheDefinition, type Kind } from "../definition/definition.js"
import { decode } from "../definition/policy.js"
import { checkName } from "../definition/refuse.js"
import * as Entry from "../entry/format.js"
import type { KeySpace } from "../key/keySpace.js"

/** Keys as they are stored: the part after `<prefix><name>:`. */
const storedKeys: KeySpace<string> = { encode: Either.right, text: (stored) => stored }

/** Accepts any payload, and leaves it as it is. */
const anything: Codec<unknown> = make<unknown>({
  identity: "anything",
  encode: () => Either.left({ path: "$", detail: "nothing is written without a definition" }),
  decode: Either.right
})

const kindOf = (bytes: Uint8Array | undefined): Kind =>
  Entry.identity(bytes, "counter").length > 0 ? "counter" : "entry"

const versionOf = (bytes: Uint8Array | undefined): number =>
  bytes !== undefined && Entry.isEntry(bytes) ? Entry.version(bytes) : 0

export class Untyped {
  readonly prefix: string
  private readonly known = new Map<string, CacheInstance<string, unknown>>()

  constructor(private readonly runtime: Runtime, readonly name: string) {
    this.prefix = `${runtime.driver.prefix}${checkName(name)}:`
  }

  /** A failure under the name of the operation that was called. */
  redisError(operation: string, error: RedisError): RedisError {
    return this.as(undefined).definition.redisError(operation, error)
  }

  /** The cache, with a definition that can have written these bytes. */
  as(bytes: Uint8Array | undefined): CacheInstance<string, unknown> {
    const kind = kindOf(bytes)
    const version = versionOf(bytes)
    const id = `${kind}:${version}`
    const known = this.known.get(id)
    if (known !== undefined) return known
    const policy = decode<string, unknown>(this.name, {
      version,
      maxValueSize: Number.MAX_SAFE_INTEGER,
      // Its windows are not known: a value that is made stale keeps its life, and each reader applies its own windows.
      staleIfError: Infinity,
      // A lease of any cache: one that claims more was written before the clock was set back.
      lease: { maxDuration: "1 day" }
    })
    const definition = new CacheDefinition(this.name, kind, storedKeys, anything, anything, policy, undefined)
    const instance = new CacheInstance(this.runtime, definition)
    this.known.set(id, instance)
    return instance
  }
}

/** A cache of this name on the `Redis` of this fiber. */
export const untyped = <A, E, R>(
  name: string,
  use: (cache: Untyped, runtime: Runtime) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Redis> =>
  Effect.flatMap(baseRedis, ({ runtime }) => use(new Untyped(runtime, name), runtime))
