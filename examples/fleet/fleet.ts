/**
 * The demo's last part: three processes of the service on one Redis, seen by the command line's `top`, while that Redis
 * stands still for three seconds.
 */
import { NodeContext } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { main } from "../../cli/src/main.js"
import { Screen, withColour, withoutColour } from "../../cli/src/text/style.js"
import { ownRedis } from "./redis.js"
import type { Told } from "./worker.js"

const names = ["web-1", "web-2", "web-3"]

const worker = (url: string) => (name: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      fork(fileURLToPath(new URL("worker.ts", import.meta.url)), [], {
        execArgv: ["--import", "tsx"],
        env: { ...process.env, REDIS_URL: url, WORKER: name }
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.map((child) => ({
    /** Its output since the last call. */
    ask: Effect.async<Told>((resume) => {
      child.once("message", (told) => resume(Effect.succeed(told as Told))) // all that it ever sends
      child.send("tell")
    })
  })))

interface Phase {
  readonly requests: number
  readonly failed: number
  readonly p50: number
  readonly p99: number
}

const toPhase = (told: ReadonlyArray<Told>): Phase => {
  const millis = told.flatMap((each) => each.millis).sort((a, b) => a - b)
  const percentile = (part: number): number => millis[Math.ceil(millis.length * part) - 1] ?? 0
  const failed = told.reduce((sum, each) => sum + each.failed, 0)
  return { requests: millis.length + failed, failed, p50: percentile(0.5), p99: percentile(0.99) }
}

const isColourful = (process.env.NO_COLOR ?? "") === "" &&
  (process.stdout.isTTY === true || (process.env.FORCE_COLOR ?? "") !== "")

/** Adds lines instead of redrawing them, so that all of them can be read when it is over. */
const ScreenLive = Layer.succeed(Screen, {
  style: isColourful ? withColour : withoutColour,
  isTerminal: false,
  columns: process.stdout.columns ?? 120
})

/** A process reports every few seconds: the last table shows only the time after the outage. */
const forHowLong = "14 seconds"

const top = (url: string) =>
  main([
    "top",
    "--url",
    url,
    "--prefix",
    "fleet:",
    "--every",
    "2 seconds",
    "--for",
    forHowLong,
    "--timeout",
    "500 millis"
  ])
    .pipe(Effect.provide(Layer.merge(NodeContext.layer, ScreenLive)))

const say = (text: string) => Console.log(`    ${text}`)

const row = (name: string, { failed, p50, p99, requests }: Phase) =>
  say(
    [name.padEnd(28), `${requests}`, `${p50.toFixed(1)} ms`, `${p99.toFixed(1)} ms`, `${failed}`]
      .map((cell, i) => i === 0 ? cell : cell.padStart(11)).join("")
  )

export const fleet = Effect.gen(function*() {
  const redis = yield* ownRedis
  const workers = yield* Effect.forEach(names, worker(redis.url))
  const ask = Effect.map(Effect.all(workers.map((each) => each.ask), { concurrency: "unbounded" }), toPhase)
  // Until all of them are under load, and the cache has seen some places.
  yield* Effect.repeat(Effect.delay(ask, "500 millis"), { until: ({ requests }) => requests > 0 })
  yield* Effect.sleep("4 seconds")
  yield* ask
  yield* say(`$ effect-redis-cache top --prefix fleet: --for "${forHowLong}"\n`)
  const showing = yield* Effect.fork(top(redis.url))
  yield* Effect.sleep("3 seconds")
  const before = yield* ask
  yield* redis.stop
  yield* Console.log("    (Redis stands still from now on)\n")
  yield* Effect.sleep("3 seconds")
  yield* redis.goOn
  yield* Console.log("    (Redis goes on)\n")
  // Requests in flight when it stopped belong to the outage.
  yield* Effect.sleep("500 millis")
  const during = yield* ask
  yield* showing.await
  const after = yield* ask
  yield* say(
    ["".padEnd(28), "requests", "p50", "p99", "failed"].map((cell, i) => i === 0 ? cell : cell.padStart(11)).join("")
  )
  yield* row("before", before)
  yield* row("while Redis stood still", during)
  yield* row("after", after)
  yield* Console.log("")
  yield* say(
    `While Redis stood still ${during.failed} of ${during.requests} requests failed: half of them took up to ` +
      `${during.p50.toFixed(1)} ms instead of ${before.p50.toFixed(1)} ms,`
  )
  yield* say("since each process computed every answer by itself; then the cache was back, without anybody's help.")
}).pipe(
  Effect.scoped,
  Effect.catchTag("NoRedis", () => say("There is no redis-server on the PATH: this part is left out."))
)
