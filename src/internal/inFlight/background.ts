/**
 * Work of this process on separate fibers, whether a caller waits for it or not: loads, refreshes, releases of leases.
 * Code that ends the process can wait until none of it is under way.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

export class Background {
  private running = 0
  private readonly idle = Effect.unsafeMakeLatch(true)

  /** `scope`: it ends when the layer closes, and its fibers end with it. */
  constructor(private readonly scope: Scope.Scope) {}

  /** How much is under way. */
  get size(): number {
    return this.running
  }

  /** Runs this on a fiber of its own. */
  fork<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> {
    // Counted once there is a fiber that reports its end: a caller that is interrupted before leaves no count behind.
    return Effect.map(Effect.forkIn(effect, this.scope), (fiber) => this.count(fiber))
  }

  /** The same from outside of any fiber. */
  runFork<R>(runtime: Runtime.Runtime<R>, effect: Effect.Effect<void, never, R>): Fiber.RuntimeFiber<void> {
    return this.count(Runtime.runFork(runtime, effect, { scope: this.scope, immediate: false }))
  }

  private count<A, E>(fiber: Fiber.RuntimeFiber<A, E>): Fiber.RuntimeFiber<A, E> {
    if (++this.running === 1) this.idle.unsafeClose()
    fiber.addObserver(this.ended)
    return fiber
  }

  private readonly ended = (): void => {
    if (--this.running === 0) this.idle.unsafeOpen()
  }

  /** Waits until nothing is under way. Work that ends may begin other work. */
  readonly drained: Effect.Effect<void> = Effect.repeat(this.idle.await, { until: () => this.running === 0 })

  /**
   * The same, for at most this many ms: by this machine's clock, since a test that never moves Effect's clock would
   * wait for ever, and on a separate fiber, since the one that closes a layer may have been interrupted.
   */
  drainedWithin(millis: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.running === 0 || millis === 0
        ? Effect.void
        : Effect.forkDaemon(Effect.withClock(
          Effect.timeoutOption(Effect.interruptible(this.drained), millis),
          Clock.make()
        )).pipe(Effect.flatMap(Fiber.await), Effect.asVoid)
    )
  }
}
