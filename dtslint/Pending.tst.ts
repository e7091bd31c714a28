import { Effect, pipe } from "effect"
import { type CacheError, Pending } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

declare const pending: Pending.Pending<string, "Offline">

describe("Pending", () => {
  it("is an effect that needs nothing", () => {
    expect(pending).type.toBeAssignableTo<Effect.Effect<string, "Offline">>()
    expect(Effect.map(pending, (value) => value.length)).type.toBe<Effect.Effect<number, "Offline">>()
    expect(Effect.gen(function*() {
      return yield* pending
    })).type.toBe<Effect.Effect<string, "Offline">>()
    expect(pending.key).type.toBe<string>()
  })

  it("never fails if its computation cannot", () => {
    expect({} as Pending.Pending<string>).type.toBe<Pending.Pending<string, never>>()
    expect(pending).type.toBeAssignableTo<Pending.Pending<unknown, unknown>>()
    expect(pending).type.not.toBeAssignableTo<Pending.Pending<string>>()
  })

  it("await", () => {
    expect(Pending.await(pending)).type.toBe<Effect.Effect<string, "Offline">>()
  })

  it("poll and within add Empty, and catchTag removes it", () => {
    expect(Pending.poll(pending)).type.toBe<Effect.Effect<string, "Offline" | CacheError.Empty>>()
    expect(Pending.within(pending, "4 seconds")).type.toBe<Effect.Effect<string, "Offline" | CacheError.Empty>>()
    expect(pipe(pending, Pending.within("4 seconds"))).type.toBe<
      Effect.Effect<string, "Offline" | CacheError.Empty>
    >()
    const soon = Pending.poll({} as Pending.Pending<string, CacheError.RedisError>)
    expect(soon.pipe(Effect.catchTag("Empty", () => Effect.succeed(undefined)))).type.toBe<
      Effect.Effect<string | undefined, CacheError.RedisError>
    >()
    // @ts-expect-error: Argument of type '"soon"' is not assignable
    Pending.within(pending, "soon")
    // @ts-expect-error: Argument of type 'Effect<string, never, never>' is not assignable
    Pending.poll(Effect.succeed("no pending"))
  })

  it("cancel", () => {
    expect(Pending.cancel(pending)).type.toBe<Effect.Effect<void>>()
  })

  it("isPending", () => {
    expect(Pending.isPending).type.toBe<(u: unknown) => u is Pending.Pending<unknown, unknown>>()
  })
})
