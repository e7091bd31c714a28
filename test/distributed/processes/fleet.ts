/**
 * Worker processes for tests, driven over IPC. Each is ended by its process id when its scope closes, and ends with this
 * process whatever happens to it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import { launch } from "../../support/processes/launch.js"
import { signal } from "../../support/processes/signal.js"
import type { CacheSettings, Execution, FromWorker, Replies, Request, Target, ToWorker } from "./fleetProtocol.js"

export interface Worker {
  readonly pid: number
  readonly isAlive: () => boolean
  /** Asks, and gives the answer. A worker that ends before it answers fails the test. */
  readonly ask: <R extends Request>(request: R) => Effect.Effect<Replies[R["op"]]>
  /** Calls back at every load that begins here, until the worker ends. */
  readonly onLoad: (listener: (execution: Execution) => void) => void
  /** `SIGKILL`; waits until the process is gone. */
  readonly kill: Effect.Effect<void>
  /** `SIGSTOP` */
  readonly pause: Effect.Effect<void>
  /** `SIGCONT` */
  readonly resume: Effect.Effect<void>
}

const workerFile = fileURLToPath(new URL("fleetWorker.ts", import.meta.url))

interface Question {
  readonly answer: (reply: Replies[keyof Replies]) => void
  readonly fail: (error: Error) => void
}

const start = (): Promise<Worker> =>
  new Promise((resolve, reject) => {
    const child = launch(workerFile)
    const open = new Map<number, Question>()
    const listeners: Array<(execution: Execution) => void> = []
    const ended = new Promise<void>((end) => child.once("exit", () => end()))
    let id = 0

    const worker: Worker = {
      pid: child.pid!,
      isAlive: () => child.exitCode === null && child.signalCode === null,
      ask: <R extends Request>(request: R) =>
        Effect.promise(() =>
          new Promise<Replies[R["op"]]>((answer, fail) => {
            if (!worker.isAlive()) return fail(new Error("The worker has ended"))
            // A worker answers a request with what `Replies` has for it.
            open.set(++id, { answer: answer as Question["answer"], fail })
            child.send({ id, request } satisfies ToWorker)
          })
        ),
      onLoad: (listener) => void listeners.push(listener),
      kill: Effect.promise(() => {
        signal(child, "SIGKILL")
        return ended // at once, if it has ended already
      }),
      pause: Effect.sync(() => signal(child, "SIGSTOP")),
      resume: Effect.sync(() => signal(child, "SIGCONT"))
    }

    child.on("message", (message: FromWorker) => {
      if (message._tag === "Ready") return resolve(worker)
      if (message._tag === "Loading") {
        for (const listener of listeners) listener(message.execution)
        return
      }
      const question = open.get(message.id)
      open.delete(message.id)
      if (message._tag === "Reply") question?.answer(message.reply)
      else question?.fail(new Error(`A worker failed: ${message.error}`))
    })
    child.once("exit", (code, signal) => {
      const error = new Error(`The worker ended (${signal ?? code})`)
      reject(error)
      for (const question of open.values()) question.fail(error)
    })
  })

/** What the workers of a test are to be connected to. */
export type Connection = Target & {
  readonly prefix: string
  readonly cache: CacheSettings
}

/** Workers that outlive a test, since starting one takes longer than most tests. They end with the layer. */
export class Fleet extends Context.Tag("test/Fleet")<Fleet, {
  /** So many workers that live, connected anew; what was killed before is replaced. */
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
        const started = yield* Effect.promise(() => Promise.all(missing.map(start)))
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

/** The first load of a key that begins in any of the workers after this was called. */
export const nextLoad = (
  workers: ReadonlyArray<Worker>,
  key: string
): Effect.Effect<{ readonly worker: Worker; readonly execution: Execution }> =>
  Effect.async<{ readonly worker: Worker; readonly execution: Execution }>((resume) => {
    for (const worker of workers) {
      worker.onLoad((execution) => {
        if (execution.key === key) resume(Effect.succeed({ worker, execution }))
      })
    }
  }).pipe(
    Effect.timeoutFail({ duration: "30 seconds", onTimeout: () => new Error(`nobody loads ${key}`) }),
    Effect.orDie
  )
