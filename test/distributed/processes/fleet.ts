/** Worker processes that share a cache. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import * as Process from "../../support/processes/worker.js"
import type { CacheSettings, Execution, FleetProtocol, Replies, Request, Target } from "./fleetProtocol.js"

export type Worker = Process.Worker<FleetProtocol>

const workerFile = fileURLToPath(new URL("fleetWorker.ts", import.meta.url))

/** The servers that the workers of a test connect to. */
export type Connection = Target & {
  readonly prefix: string
  readonly cache: CacheSettings
}

/** Workers that outlive a test, because starting one takes longer than most tests. They end with the layer. */
export class Fleet extends Context.Tag("test/Fleet")<Fleet, {
  /** Gives this many live workers, connected anew; killed ones are replaced first. */
  readonly connect: (count: number, connection: Connection) => Effect.Effect<ReadonlyArray<Worker>>
}>() {}

const make: Effect.Effect<Fleet["Type"], never, Scope.Scope> = Effect.gen(function*() {
  let workers: ReadonlyArray<Worker> = []
  yield* Effect.addFinalizer(() => Effect.forEach(workers, (worker) => worker.kill, { concurrency: "unbounded" }))
  return {
    connect: (count, connection) =>
      Effect.gen(function*() {
        const living = workers.filter((worker) => worker.isAlive())
        const missing = Array.from({ length: Math.max(0, count - living.length) })
        const started = yield* Effect.promise(() =>
          Promise.all(missing.map(() => Process.start<FleetProtocol>(workerFile)))
        )
        workers = [...living, ...started]
        const chosen = workers.slice(0, count)
        yield* everyone(chosen, () => ({ op: "connect", ...connection }))
        return chosen
      })
  }
})

export const layer: Layer.Layer<Fleet> = Layer.scoped(Fleet, make)

/** Asks all of them at once. */
export const everyone = <R extends Request>(
  workers: ReadonlyArray<Worker>,
  request: (index: number) => R
): Effect.Effect<ReadonlyArray<Replies[R["op"]]>> =>
  Effect.forEach(workers, (worker, index) => worker.ask(request(index)), { concurrency: "unbounded" })

/** The first load of a key that begins in any of the workers after this call. */
export const nextLoad = (
  workers: ReadonlyArray<Worker>,
  key: string
): Effect.Effect<{ readonly worker: Worker; readonly execution: Execution }> =>
  Effect.async<{ readonly worker: Worker; readonly execution: Execution }>((resume) => {
    for (const worker of workers) {
      worker.onTold((execution) => {
        if (execution.key === key) resume(Effect.succeed({ worker, execution }))
      })
    }
  }).pipe(
    Effect.timeoutFail({ duration: "30 seconds", onTimeout: () => new Error(`no process loads ${key}`) }),
    Effect.orDie
  )
