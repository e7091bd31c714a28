/** Contestants in processes of their own, so that their heaps and the versions that they need do not mix. */
import { execFileSync, fork } from "node:child_process"
import { availableParallelism } from "node:os"

const program = new URL("worker.js", import.meta.url)

/** Starts one; `call` runs a function of a workload's `worker` in it. */
export const startWorker = async (contestant, url) => {
  const child = fork(program, [contestant.module, url], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  const waiting = new Map()
  let last = 0
  const ask = (message) =>
    new Promise((resolve, reject) => {
      waiting.set(message?.id ?? 0, { resolve, reject })
      if (message !== undefined) child.send(message)
    })
  child.on("message", ({ error, id, result }) => {
    const { reject, resolve } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(result)
    else reject(new Error(`${contestant.name}: ${error}`))
  })
  const exit = new Promise((resolve) => child.once("exit", resolve))
  const ended = exit.then((code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${contestant.name} ended with ${code}`))
  })
  const versions = await ask()
  return {
    ...contestant,
    versions,
    pid: child.pid,
    call: (workload, method, ...args) => ask({ id: ++last, workload, method, args }),
    stop: async () => {
      child.disconnect()
      await ended
    }
  }
}

const taskset = (pid, cores) =>
  execFileSync("taskset", ["-a", "-c", "-p", cores, String(pid)], { stdio: ["ignore", "ignore", "pipe"] })

/** Whether clients and server can be pinned to a core each. */
export const canPin = () => {
  try {
    taskset(process.pid, `0-${availableParallelism() - 1}`)
    return availableParallelism() > 1
  } catch {
    return false
  }
}

/** Pins the server to the first core and the clients to the second while `f` runs. */
export const pinned = async (server, workers, f) => {
  taskset(server.pid, "0")
  for (const { pid } of workers) taskset(pid, "1")
  try {
    return await f()
  } finally {
    for (const pid of [server.pid, ...workers.map((worker) => worker.pid)]) {
      taskset(pid, `0-${availableParallelism() - 1}`)
    }
  }
}
