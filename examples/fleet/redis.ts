/** A Redis of the demo's own: a child of this process, on a free port; it stores nothing on disk. */
import { Data, Effect, Schedule } from "effect"
import { Redis as Client } from "ioredis"
import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"

/** There is no Redis on this machine. */
export class NoRedis extends Data.TaggedError("NoRedis")<{ readonly cause: unknown }> {}

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const start = (port: number) =>
  Effect.async<ChildProcess, NoRedis>((resume) => {
    const child = spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" })
    child.once("error", (cause) => resume(Effect.fail(new NoRedis({ cause }))))
    child.once("spawn", () => resume(Effect.succeed(child)))
  })

const answers = (url: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Client(url, { lazyConnect: true, retryStrategy: () => null }).on("error", () => {})),
    (client) => Effect.tryPromise({ try: () => client.ping(), catch: (cause) => new NoRedis({ cause }) }),
    (client) => Effect.sync(() => client.disconnect())
  )

/** It lives as long as the scope. `stop` suspends it, like a machine that swaps; `goOn` resumes it. */
export const ownRedis = Effect.gen(function*() {
  const port = yield* freePort
  const child = yield* Effect.acquireRelease(start(port), (running) => Effect.sync(() => running.kill("SIGKILL")))
  const url = `redis://127.0.0.1:${port}`
  yield* Effect.retry(answers(url), Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(100)))
  return {
    url,
    stop: Effect.sync(() => child.kill("SIGSTOP")),
    goOn: Effect.sync(() => child.kill("SIGCONT"))
  }
})
