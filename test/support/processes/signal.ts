/** Sends a child any number of signals: on Deno, `child.kill` sends only the first one. */
import type { ChildProcess } from "node:child_process"

export const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(child.pid, name)
  } catch (error) {
    // It has ended, and its `exit` is still to come.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error // it throws nothing else
  }
}
