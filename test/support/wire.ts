/** The commands that a server receives, as its `MONITOR` reports them. */
import { Effect, type Scope } from "effect"
import type { Redis } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { randomUUID } from "node:crypto"

export type Commands = ReadonlyArray<ReadonlyArray<string>>

export interface Wire {
  /** The commands that an effect sends, in order. Those of scripts on the server are not among them. */
  readonly sentBy: <A, E>(
    effect: Effect.Effect<A, E, Redis.Redis>
  ) => Effect.Effect<readonly [Commands, A], E, Redis.Redis>
}

export const watch = (url: string): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* Effect.acquireRelease(
      // Without its ready check: ioredis may take the echo of that `INFO`, as a line of `MONITOR`, for its answer.
      Effect.sync(() => new Client(url, { enableReadyCheck: false })),
      (opened) => Effect.sync(() => opened.disconnect())
    )
    const monitor = yield* Effect.acquireRelease(
      Effect.promise(() => client.monitor()),
      (opened) => Effect.sync(() => opened.disconnect())
    )
    let seen: Array<ReadonlyArray<string>> = []
    let marks = new Map<string, () => void>()
    monitor.on("monitor", (_time: string, [name = "", ...args]: ReadonlyArray<string>, source: string) => {
      if (name === "echo") marks.get(args[0]!)?.()
      else if (source !== "lua") seen.push([name.toUpperCase(), ...args])
    })
    // Everything sent before the mark has been seen once the mark is.
    const mark = Effect.promise(async () => {
      const id = randomUUID()
      const arrived = new Promise<void>((resolve) => marks.set(id, resolve))
      await client.echo(id)
      await arrived
      marks = new Map()
    })
    return {
      sentBy: (effect) =>
        Effect.gen(function*() {
          yield* mark
          seen = []
          const answer = yield* effect
          yield* mark
          return [seen, answer] as const
        })
    }
  })
