import type { Duration } from "effect"
import { Effect } from "effect"
import { CacheError } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

declare const empty: CacheError.Empty
declare const redisError: CacheError.RedisError
declare const codecError: CacheError.CodecError

describe("CacheError", () => {
  it("Empty", () => {
    expect(empty._tag).type.toBe<"Empty">()
    expect(empty.reason).type.toBe<"NotReady" | "TimedOut">()
    expect(empty.key).type.toBe<string>()
    expect(empty.waited).type.toBe<Duration.Duration>()
    expect(empty.message).type.toBe<string>()
  })

  it("RedisError", () => {
    expect(redisError._tag).type.toBe<"RedisError">()
    expect(redisError.reason).type.toBe<
      | "Connection"
      | "Timeout"
      | "Auth"
      | "ReadOnly"
      | "OutOfMemory"
      | "CircuitOpen"
      | "Conflict"
      | "Command"
    >()
    expect(redisError.reason).type.toBe<CacheError.RedisErrorReason>()
    expect(redisError.operation).type.toBe<string>()
    expect(redisError.cause).type.toBe<unknown>()
  })

  it("CodecError", () => {
    expect(codecError._tag).type.toBe<"CodecError">()
    expect(codecError.subject).type.toBe<"key" | "value" | "option">()
    expect(codecError.cache).type.toBe<string>()
    expect(codecError.path).type.toBe<string>()
    expect(codecError.detail).type.toBe<string>()
    expect(codecError.cause).type.toBe<unknown>()
  })

  it("can be yielded, and caught by their tags", () => {
    const failing = Effect.gen(function*() {
      yield* redisError
      yield* codecError
      return yield* empty
    })
    expect(failing).type.toBe<
      Effect.Effect<never, CacheError.RedisError | CacheError.CodecError | CacheError.Empty>
    >()
    expect(failing.pipe(Effect.catchTag("Empty", () => Effect.succeed(1)))).type.toBe<
      Effect.Effect<number, CacheError.RedisError | CacheError.CodecError>
    >()
    expect(new CacheError.Empty({ reason: "NotReady", key: "a:1", waited: {} as Duration.Duration })).type.toBe<
      CacheError.Empty
    >()
    // @ts-expect-error: Type '"Nothing"' is not assignable to type '"NotReady" | "TimedOut"'
    new CacheError.Empty({ reason: "Nothing", key: "a:1", waited: {} as Duration.Duration })
  })
})
