/** One key: what `Cache.explain` reports, its bytes, and its value as a tree. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { toHex } from "../bytes/hex.js"
import { bind } from "../cache/bind.js"
import type { Runtime } from "../cache/runtime.js"
import * as Entry from "../entry/format.js"
import { explain } from "../fleet/look.js"
import { untyped } from "../fleet/untyped.js"
import * as Key from "../key/encode.js"
import { explainFound } from "../ops/explain.js"
import type { Look, Node } from "./answers.js"
import { fieldsOf } from "./header.js"
import type { AnyDefinition } from "./options.js"
import { treeOf } from "./tree.js"

const millis = (duration: Option.Option<Duration.Duration>): number | null =>
  Option.getOrNull(Option.map(duration, (some) => Duration.isFinite(some) ? Duration.toMillis(some) : -1))

/** The value as the cache's own codec reads it. */
const decoded = (
  cache: AnyDefinition,
  bytes: Uint8Array | undefined,
  redisKey: string
): Node | undefined => {
  if (bytes === undefined || cache.kind === "counter" || !Entry.isEntry(bytes)) return undefined
  const offset = Entry.isMarker(bytes) || Entry.isFailure(bytes) ? undefined : Entry.payloadOffset(bytes)
  if (offset === undefined) return undefined
  const value = cache.codec.decode(bytes.subarray(offset), cache.context(redisKey))
  return Either.isRight(value) ? treeOf(value.right) : undefined
}

const found = (runtime: Runtime, redisKey: string) => runtime.driver.inspect(redisKey)

/** With a definition, its policy determines state and age; without one, the bytes do. */
export const look = (name: string, key: string, definition: AnyDefinition | undefined) =>
  untyped(name, (cache, runtime) =>
    Effect.gen(function*(): Effect.fn.Return<Look, RedisError, Redis> {
      const redisKey = cache.prefix + key
      const told = yield* explain(name, key)
      const raw = yield* found(runtime, redisKey)
      const own = definition === undefined
        ? told
        : yield* Effect.withFiberRuntime<Effect.Effect.Success<ReturnType<typeof explainFound>>, RedisError, Redis>((
          fiber
        ) => explainFound(bind(fiber, definition, "explain"), redisKey, [], raw))
      const tree = definition === undefined ? undefined : decoded(definition, raw?.bytes, redisKey)
      const epochs = yield* runtime.driver.getMany(own.tags.map((tag) => cache.as(undefined).tags.key(tag.name)), {
        onSuccess: (all) => Effect.succeed(all.map((bytes) => bytes === undefined ? null : toHex(bytes))),
        onFailure: (error) => Effect.fail(error)
      })
      const stored = raw !== undefined && Entry.isEntry(raw.bytes) ? Entry.tags(raw.bytes) ?? [] : []
      return {
        key,
        text: Key.decodeString(key),
        redisKey,
        state: own.state,
        reason: own.reason,
        age: millis(own.age),
        timeToLive: millis(own.timeToLive),
        life: own.state === "Missing" ? null : millis(Option.orElse(own.life, () => Option.some(Duration.infinity))),
        size: own.size,
        memory: Option.getOrNull(own.memory),
        version: Option.getOrNull(own.version),
        loadTime: millis(own.loadTime),
        lease: Option.getOrNull(Option.map(own.lease, ({ remaining, token }) => ({
          token,
          remaining: Duration.toMillis(remaining)
        }))),
        holds: own.holds.map(({ remaining, token }) => ({ token, remaining: Duration.toMillis(remaining) })),
        holders: told.holders,
        tags: own.tags.map((tag, i) => ({
          name: tag.name,
          holds: tag.holds,
          held: tag.held,
          expired: tag.expired === undefined ? null : Duration.toMillis(tag.expired),
          epoch: stored[i] === undefined ? null : toHex(stored[i].epoch),
          now: epochs[i] ?? null
        })),
        codecs: told.codecs,
        windows: definition === undefined ? null : {
          fresh: definition.policy.life._tag === "Fixed" ? definition.policy.life.millis ?? null : null,
          staleWhileRevalidate: definition.policy.staleWhileRevalidate,
          staleIfError: definition.policy.staleIfError
        },
        decodedBy: tree === undefined ? "bytes" : "definition",
        value: tree ?? Option.getOrNull(Option.map(told.value, treeOf)),
        header: raw === undefined ? [] : fieldsOf(raw.bytes)
      }
    }))
