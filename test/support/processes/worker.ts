/**
 * A worker process for tests, driven over IPC. It is ended by its process id when its scope closes, and ends with this
 * process whatever happens to it. `answering.ts` is the worker's side.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { launch } from "./launch.js"
import type { FromWorker, Protocol, ReplyOf, RequestOf, ToWorker } from "./protocol.js"
import { signal } from "./signal.js"

export interface Worker<P extends Protocol> {
  readonly pid: number
  readonly isAlive: () => boolean
  /** Sends a request, and gives the answer. A worker that ends before it answers fails the test. */
  readonly ask: <R extends RequestOf<P>>(request: R) => Effect.Effect<ReplyOf<P, R>>
  /** Calls back with every message that it sends unasked from now on, until it ends. */
  readonly onTold: (listener: (told: P["told"]) => void) => void
  /** Until it has ended, for any reason. */
  readonly ended: Effect.Effect<void>
  /** `SIGKILL`; waits until the process is gone. */
  readonly kill: Effect.Effect<void>
  /** `SIGSTOP` */
  readonly pause: Effect.Effect<void>
  /** `SIGCONT` */
  readonly resume: Effect.Effect<void>
}

interface Question<P extends Protocol> {
  readonly answer: (reply: ReplyOf<P>) => void
  readonly fail: (error: Error) => void
}

/** Starts a file that calls `answering`. */
export const start = <P extends Protocol>(file: string): Promise<Worker<P>> =>
  new Promise((resolve, reject) => {
    const child = launch(file)
    const open = new Map<number, Question<P>>()
    const listeners: Array<(told: P["told"]) => void> = []
    const ended = new Promise<void>((end) => child.once("exit", () => end()))
    let id = 0

    const worker: Worker<P> = {
      pid: child.pid!,
      isAlive: () => child.exitCode === null && child.signalCode === null,
      ask: <R extends RequestOf<P>>(request: R) =>
        Effect.promise(() =>
          new Promise<ReplyOf<P, R>>((answer, fail) => {
            if (!worker.isAlive()) return fail(new Error("The worker has ended"))
            // A worker answers a request with its type in the protocol.
            open.set(++id, { answer, fail })
            child.send({ id, request } satisfies ToWorker<P>)
          })
        ),
      onTold: (listener) => void listeners.push(listener),
      ended: Effect.promise(() => ended),
      kill: Effect.promise(() => {
        signal(child, "SIGKILL")
        return ended // at once, if it has ended already
      }),
      pause: Effect.sync(() => signal(child, "SIGSTOP")),
      resume: Effect.sync(() => signal(child, "SIGCONT"))
    }

    child.on("message", (message: FromWorker<P>) => {
      if (message._tag === "Ready") return resolve(worker)
      if (message._tag === "Told") {
        for (const listener of listeners) listener(message.told)
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

/** A worker that lives at most as long as the scope. */
export const make = <P extends Protocol>(file: string): Effect.Effect<Worker<P>, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => start<P>(file)), (worker) => worker.kill)
