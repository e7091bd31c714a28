/**
 * Everything under one `Redis`, without the definitions of its caches: for people who look from outside.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { CodecError, RedisError } from "./CacheError.js"
import type * as M from "./internal/fleet/models.js"
import type { Redis } from "./Redis.js"

/** Sketch. Keys are stored texts: `Fleet.stringKey` and `Fleet.argumentsKey` make them. */
export declare const stringKey: (key: string) => Effect.Effect<string, CodecError>
export declare const argumentsKey: (args: ReadonlyArray<unknown>) => Effect.Effect<string, CodecError>

export declare const caches: (options?: M.SurveyOptions) => Effect.Effect<M.Survey, RedisError, Redis>
export declare const keys: (
  cache: string,
  options?: M.KeysOptions
) => Stream.Stream<ReadonlyArray<M.KeySummary>, RedisError, Redis>
export declare const tags: (cache: string) => Stream.Stream<ReadonlyArray<string>, RedisError, Redis>

export declare const explain: (cache: string, key: string) => Effect.Effect<M.Look, RedisError, Redis>
/** The fresh value, as far as its bytes tell it. */
export declare const get: (cache: string, key: string) => Effect.Effect<M.Told | undefined, RedisError, Redis>

export declare const delete_: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis>
export declare const expire: (cache: string, key: string) => Effect.Effect<boolean, RedisError, Redis>
export declare const flush: (cache: string) => Effect.Effect<number, RedisError, Redis>
export declare const invalidateTags: (
  cache: string,
  tags: ReadonlyArray<string>
) => Effect.Effect<void, RedisError | CodecError, Redis>

/** What all processes publish that have a layer with `publish`. */
export declare const stats: Effect.Effect<M.FleetStats, RedisError, Redis>
export declare const loadTimeBounds: ReadonlyArray<number>

export declare const servers: Effect.Effect<ReadonlyArray<M.ServerReport>, RedisError, Redis>
export declare const doctor: Effect.Effect<ReadonlyArray<M.Finding>, never, Redis>
