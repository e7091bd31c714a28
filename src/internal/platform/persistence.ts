/** `BackingPersistence` of `@effect/experimental` over caches of structural values. */
import * as Persistence from "@effect/experimental/Persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Cache from "../../Cache.js"
import type { CodecError, RedisError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import { make as makeCodec } from "../codec/make.js"
import { structural } from "../codec/structural/structural.js"

/** The options of the stores' caches that do not depend on the values. */
export interface Options
  extends Pick<Cache.Policy<string, unknown>, "jitter" | "maxValueSize" | "near" | "onRedisError" | "version">
{
  /** Precedes the id of a store in the name of its cache. Default: nothing. */
  readonly prefix?: string | undefined
}

/** What is kept, and for how long. Only the value is stored. */
interface Kept {
  readonly value: unknown
  readonly timeToLive: Duration.Duration
}

const values = structural<unknown>()

const kept = makeCodec<Kept>({
  identity: "effect-redis-cache/Persistence",
  encode: ({ value }, context) => values.encode(value, context),
  decode: (payload, context) =>
    Either.map(values.decode(payload, context), (value) => ({ value, timeToLive: Duration.infinity }))
})

/** The id of a store, as a cache's name may be: no `:`. */
const escaped = (storeId: string): string => storeId.replaceAll("%", "%25").replaceAll(":", "%3A")

const makeStore = (
  redis: Redis["Type"],
  storeId: string,
  { prefix = "", ...policy }: Options
): Persistence.BackingPersistenceStore => {
  const cache = Cache.make({
    ...policy,
    name: prefix + escaped(storeId),
    codec: kept,
    timeToLive: ({ timeToLive }) => timeToLive
  })
  const run = <A>(
    method: string,
    effect: Effect.Effect<A, RedisError | CodecError, Redis>
  ): Effect.Effect<A, Persistence.PersistenceError> =>
    Effect.mapError(
      Effect.provideService(effect, Redis, redis),
      (error) => Persistence.PersistenceBackingError.make(method, error)
    )
  const toKeep = (value: unknown, timeToLive: Option.Option<Duration.Duration>): Kept => ({
    value,
    timeToLive: Option.getOrElse(timeToLive, () => Duration.infinity)
  })
  return {
    get: (key) => Effect.map(run("get", Cache.get(cache, key)), Option.map(({ value }) => value)),
    getMany: (keys) =>
      Effect.map(
        run("getMany", Cache.getMany(cache, keys)),
        (found) => keys.map((key) => Option.map(Option.fromNullable(found.get(key)), ({ value }) => value))
      ),
    set: (key, value, timeToLive) => run("set", Cache.set(cache, key, toKeep(value, timeToLive))),
    setMany: (entries) =>
      run(
        "setMany",
        Cache.setMany(cache, entries.map(([key, value, timeToLive]) => [key, toKeep(value, timeToLive)] as const))
      ),
    remove: (key) => Effect.asVoid(run("remove", Cache.delete(cache, key))),
    clear: Effect.asVoid(run("clear", Cache.flush(cache)))
  }
}

export const layer = (options: Options = {}): Layer.Layer<Persistence.BackingPersistence, never, Redis> =>
  Layer.effect(
    Persistence.BackingPersistence,
    Effect.map(Redis, (redis) =>
      Persistence.BackingPersistence.of({
        [Persistence.BackingPersistenceTypeId]: Persistence.BackingPersistenceTypeId,
        make: (storeId) => Effect.sync(() => makeStore(redis, storeId, options))
      }))
  )

export const layerResult = (options: Options = {}): Layer.Layer<Persistence.ResultPersistence, never, Redis> =>
  Layer.provide(Persistence.layerResult, layer(options))
