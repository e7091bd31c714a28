/**
 * What can go wrong, as values. Each error has a tag of its own, a `message` that a person can act on, and the
 * fields that a program needs to decide.
 *
 * A stored value that cannot be decoded is not here: it is absent, never a failure.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { sentence } from "./internal/codec/sentence.js"

/**
 * There is no value yet: its computation has not ended.
 *
 * `NotReady`: the computation was still running when it was polled. `TimedOut`: it was still running after `waited`.
 * In both cases the computation goes on, and its value is cached when it ends. Only asynchronous reads (`Pending`)
 * and the `timeout` of a load raise it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Memo, Pending } from "effect-redis-cache"
 *
 * const slow = Memo.cachedAsync(function slow(n: number) {
 *   return Effect.as(Effect.sleep("5 seconds"), n * 2)
 * }, "1 minute")
 *
 * export const program = Effect.gen(function*() {
 *   const pending = yield* slow(21)
 *   return yield* Pending.poll(pending)
 * }).pipe(
 *   Effect.catchTag("Empty", (empty) => Effect.succeed(empty.reason)) // "NotReady"
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class Empty extends Data.TaggedError("Empty")<{
  readonly reason: "NotReady" | "TimedOut"
  /** The Redis key that is being computed. */
  readonly key: string
  /** How long the reader waited. */
  readonly waited: Duration.Duration
}> {
  override get message(): string {
    return this.reason === "NotReady"
      ? `No value yet for ${this.key}: its computation is still running. Poll again, or wait for it`
      : `No value for ${this.key} after ${Duration.format(this.waited)}: it is still being computed`
  }
}

/**
 * Why a Redis operation failed.
 *
 * - `Connection`: Redis cannot be reached, or the connection ended before the answer (the command may have been done)
 * - `Timeout`: no answer within `commandTimeout` (the command may have been done)
 * - `Auth`: wrong or missing password, or an ACL that forbids the command
 * - `ReadOnly`: a replica
 * - `OutOfMemory`: `maxmemory` is reached and nothing may be evicted
 * - `CircuitOpen`: too many operations failed lately, so nothing was sent
 * - `Conflict`: `Cache.modify`, `setIfAbsent` or `touch` lost to other writers 64 times
 * - `Command`: any other error reply, a reply that does not fit the command, or a borrowed client that its owner uses
 *   for a `MULTI` or for another database. The message says what to do
 *
 * @since 0.1.0
 * @category errors
 */
export type RedisErrorReason =
  | "Connection"
  | "Timeout"
  | "Auth"
  | "ReadOnly"
  | "OutOfMemory"
  | "CircuitOpen"
  | "Conflict"
  | "Command"

/**
 * A Redis operation failed. The message never contains values or passwords.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Cache } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users" })
 *
 * export const program = Cache.get(users, "42").pipe(
 *   Effect.catchTag("RedisError", (error) => Effect.logWarning(error.message, error.reason))
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisError extends Data.TaggedError("RedisError")<{
  readonly reason: RedisErrorReason
  /** The operation that was called, e.g. `get` or `deleteMany`; `connect` where a layer is built. */
  readonly operation: string
  /** The name of the cache, where it was an operation of one. */
  readonly cache?: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const detail = this.cause instanceof Error ? this.cause.message : this.cause === undefined ? "" : String(this.cause)
    const what = this.cache === undefined ? `Redis ${this.operation}` : `Cache "${this.cache}": ${this.operation}`
    return `${what} failed (${this.reason})${detail === "" ? "" : `: ${detail}`}`
  }
}

/**
 * A key or value cannot be stored, or an option of the call is invalid. Nothing was done.
 *
 * @since 0.1.0
 * @category errors
 */
export class CodecError extends Data.TaggedError("CodecError")<{
  /** `option`: an option of the call, e.g. `timeToLive` or `tags`. */
  readonly subject: "key" | "value" | "option"
  /** The name of the cache. */
  readonly cache: string
  /** Where in the key or value, e.g. `$.tags[3].name`; `$` is all of it. Of an option its name. */
  readonly path: string
  /** What is wrong there. */
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.subject === "option"
      ? `Cache "${this.cache}": ${this.detail}`
      : `Cannot store this ${this.subject} in cache "${this.cache}": ${sentence(this)}`
  }
}
