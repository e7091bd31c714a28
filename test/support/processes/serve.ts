/**
 * Starts a server as a child of this process. It is ended by its process id, and ends with this process whatever
 * happens to it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { freePort } from "../freePort.js"
import { signal as send } from "./signal.js"

export interface Served {
  /** The program, and its arguments. */
  readonly command: readonly [string, ...ReadonlyArray<string>]
  readonly folder: string
  /** Whether it serves, polled repeatedly. `log` is the last of its output. */
  readonly serves: (log: string) => Promise<boolean>
  /** The signal that ends it at once. Default: `SIGKILL`. */
  readonly end?: NodeJS.Signals | undefined
  /** The user that it runs as; only root may choose. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

const setpriv = "/usr/bin/setpriv"

const running = new Map<ChildProcess, NodeJS.Signals>()

const endAll = (): void => {
  for (const [child, signal] of running) send(child, signal)
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

/** Starts it and waits until it serves; fails with its output if it ends instead. */
export const serve = async (
  { command, end = "SIGKILL", folder, serves, user }: Served
): Promise<ChildProcess | string> => {
  // On Linux the kernel can end a child with its parent: a killed test run leaves no servers behind.
  const [program, ...args] = existsSync(setpriv) ? [setpriv, "--pdeathsig", end.slice(3), ...command] : command
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], ...user })
  let log = ""
  child.stdout.on("data", (bytes) => (log = `${log}${bytes}`.slice(-4000)))
  child.stderr.on("data", (bytes) => (log = `${log}${bytes}`.slice(-4000)))
  child.on("error", (error) => (log += error.message))
  if (running.size === 0) process.once("exit", endAll)
  running.set(child, end)
  child.once("exit", () => {
    running.delete(child)
    if (running.size === 0) process.off("exit", endAll)
  })
  const deadline = Date.now() + 15_000
  while (!hasEnded(child) && child.pid !== undefined && Date.now() < deadline) {
    // The second look makes sure that this child answered, and not another server on the port.
    if (await serves(log) && !hasEnded(child)) return child
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  send(child, "SIGKILL")
  return log
}

/** The same on a free port. */
export const serveSomewhere = async (
  name: string,
  on: (port: number) => Served
): Promise<{ readonly port: number; readonly child: ChildProcess }> => {
  let log = ""
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort()
    const outcome = await serve(on(port))
    if (typeof outcome !== "string") return { port, child: outcome }
    log = outcome
    if (!log.includes("Address already in use")) break
  }
  throw new Error(`${name} did not start: ${log}`)
}

/** Sends it a signal and waits until it is gone. */
export const endServer = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (hasEnded(child)) return
  const ended = new Promise((resolve) => child.once("exit", resolve))
  send(child, signal)
  send(child, "SIGCONT") // a suspended process would not handle any signal but SIGKILL
  await ended
}
