/** Resources for tests on a real Redis, and ways to wait for its effects. */
import { Context, Effect, Layer, type Scope } from "effect"
import { type CacheError, Redis } from "effect-redis-cache"
import { Redis as Client, type RedisOptions } from "ioredis"

/** A client besides the library's. It lives as long as the scope. */
export const client = (url: string, options: RedisOptions = {}): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const opened = new Client(url, { autoResendUnfulfilledCommands: false, ...options })
      return opened.on("error", () => {})
    }),
    (opened) => Effect.sync(() => opened.disconnect())
  )

/** A field of `INFO`. */
export const info = (asked: Client, name: string): Effect.Effect<string | undefined> =>
  Effect.map(
    Effect.promise(() => asked.info()),
    (text) => new RegExp(`^${name}:(.*)\\r$`, "m").exec(text)?.[1]
  )

/** A layer that lives as long as the scope, and a way to run effects on it. */
export const open = (layer: Layer.Layer<Redis.Redis, CacheError.RedisError>) =>
  Effect.map(Layer.build(layer), (context) => {
    const service = Context.get(context, Redis.Redis)
    return {
      service,
      run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Redis.Redis, service)
    }
  })

/** Waits until it holds; otherwise the test times out. */
export const until = <E, R>(holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(Effect.delay(holds, "5 millis"), { until: (yes) => yes }))
