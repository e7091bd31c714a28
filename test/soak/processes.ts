/** The worker processes of a soak. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import { launch } from "../support/processes/launch.js"
import type { Batch, Begin, FromWorker, Left, ToWorker } from "./protocol.js"

const workerFile = fileURLToPath(new URL("worker.ts", import.meta.url))

export interface Process {
  readonly child: ChildProcess
  readonly begin: (begin: Begin) => Promise<void>
  /** Ends its work; gives what is left then. */
  readonly stop: () => Promise<Left>
  /** Ends the process, which exits by itself; gives its exit code. */
  readonly close: () => Promise<number | null>
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

const start = (onBatch: (batch: Batch) => void, onEnd: (how: string) => void): Promise<Process> =>
  new Promise((started) => {
    const child = launch(workerFile, ["--expose-gc"])
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
    let closing = false
    child.once("exit", (code, signal) => {
      if (!closing) onEnd(`a worker ended (${signal ?? code})`)
    })
    const heard = new Map<string, (message: FromWorker) => void>()
    const next = <M extends FromWorker>(tag: M["_tag"]) =>
      // A message has the tag of its handler.
      new Promise<M>((resolve) => heard.set(tag, (message) => resolve(message as M)))
    const say = (message: ToWorker) => void child.send(message)
    const ready = next("Ready")
    child.on("message", (message: FromWorker) => {
      if (message._tag === "Batch") onBatch(message)
      else heard.get(message._tag)?.(message)
    })
    void ready.then(() =>
      started({
        child,
        begin: async (begin) => {
          const begun = next("Begun")
          say({ _tag: "Begin", begin })
          await begun
        },
        stop: async () => {
          const left = next<Left>("Left")
          say({ _tag: "Stop" })
          return await left
        },
        close: async () => {
          closing = true
          say({ _tag: "Close" })
          const late = setTimeout(() => child.kill("SIGKILL"), 10_000)
          const code = await ended
          clearTimeout(late)
          return code
        }
      })
    )
  })

/** This many workers, which live at most as long as the scope. */
export const make = (
  count: number,
  onBatch: (batch: Batch) => void,
  onEnd: (how: string) => void
): Effect.Effect<ReadonlyArray<Process>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => Promise.all(Array.from({ length: count }, () => start(onBatch, onEnd)))),
    (processes) =>
      Effect.sync(() => {
        for (const { child } of processes) if (isAlive(child)) child.kill("SIGKILL")
      })
  )
