/** A process of the soak: it works on both targets at once, and reports what it did and saw. See `soak.ts`. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Redis } from "../../src/Redis.js"
import * as RedisLayer from "../../src/RedisLayer.js"
import { now } from "../support/processes/now.js"
import { noteUnhandled, unhandled } from "../support/processes/unhandled.js"
import { Lag } from "./lag.js"
import {
  type Batch,
  type Begin,
  commandTimeout,
  type FromWorker,
  type TargetName,
  targets,
  type Told,
  type ToWorker
} from "./protocol.js"
import { makeRandom } from "./random.js"
import { Recorder } from "./recorder.js"
import { badInput } from "./work/badInputs.js"
import { ballast } from "./work/ballast.js"
import { loads } from "./work/loads.js"
import { memos } from "./work/memos.js"
import { makeRaw } from "./work/raw.js"
import { nearHits, registers } from "./work/registers.js"
import { saboteur } from "./work/saboteur.js"
import { swaps } from "./work/swaps.js"

const work = { ...registers, ...loads, ...swaps, ...memos, ...badInput, ...saboteur, ...ballast }

const tellEvery = 500
const measureEvery = 10_000
/** How long loads and refreshes may continue when all work has ended, in ms. */
const lastWords = 10_000

const tell = (message: FromWorker): void => void process.send?.(message)

const lag = new Lag()

const open = (target: TargetName, begin: Begin) => {
  const { cluster, index, prefix, proxy, seed, workers } = begin
  const recorder = new Recorder(lag)
  const raw = makeRaw(target, begin)
  const random = makeRandom(seed + 1_000 * index + (target === "single" ? 0 : 500))
  const layer = target === "single"
    ? RedisLayer.layer({ ...proxy, prefix, commandTimeout })
    : RedisLayer.layerCluster(cluster, { prefix, commandTimeout })
  const runtime = ManagedRuntime.make(layer)
  const quiet = Logger.remove(Logger.defaultLogger)
  const run = <A>(effect: Effect.Effect<A, never, Redis>) => runtime.runPromise(Effect.provide(effect, quiet))
  const bench = { index, workers, random, recorder, raw, prefix, stopping: () => stopping }
  const working = new Set<string>()
  let hits = 0
  return {
    recorder,
    working,
    start: async () => {
      await run(Effect.void)
      for (const [name, make] of Object.entries(work)) {
        working.add(name)
        void run(make(bench)).then(
          () => working.delete(name),
          (error: unknown) => recorder.check("typed", false, () => `${name} ended: ${String(error)}`)
        )
      }
    },
    drain: async (): Promise<Told> => {
      const before = hits
      hits = await run(nearHits)
      return recorder.drain(hits - before)
    },
    left: () =>
      run(Effect.map(Redis, ({ runtime: { flights, near, refreshes } }) => ({
        flights: flights.size,
        reading: near.reading,
        refreshes
      }))),
    close: async () => {
      await runtime.dispose()
      raw.close()
    }
  }
}

let stopping = false
let opened: Record<TargetName, ReturnType<typeof open>>
let index = 0
let measured = now()
let telling: NodeJS.Timeout

const tellAll = async (): Promise<void> => {
  const told = { single: await opened.single.drain(), cluster: await opened.cluster.drain() }
  const upTo = now()
  let heap: number | undefined
  if (globalThis.gc !== undefined && upTo > measured + measureEvery) {
    measured = upTo
    globalThis.gc()
    heap = process.memoryUsage().heapUsed
  }
  tell({ _tag: "Batch", by: index, upTo, told, lag: lag.longest, heap } satisfies Batch)
}

const begin = async (options: Begin): Promise<void> => {
  index = options.index
  opened = { single: open("single", options), cluster: open("cluster", options) }
  await Promise.all(targets.map((target) => opened[target].start()))
  telling = setInterval(() => void tellAll(), tellEvery)
  tell({ _tag: "Begun" })
}

/** Until it holds, or the time is over. */
const until = async (holds: () => Promise<boolean>, millis: number): Promise<void> => {
  const end = now() + millis
  while (!(await holds()) && now() < end) await new Promise((resolve) => setTimeout(resolve, 50))
}

const stop = async (): Promise<void> => {
  stopping = true
  const all = targets.map((target) => opened[target])
  const leftovers = () => Promise.all(all.map((one) => one.left()))
  await until(async () => all.every(({ working }) => working.size === 0), lastWords)
  await until(
    async () => (await leftovers()).every(({ flights, reading, refreshes }) => flights + reading + refreshes === 0),
    lastWords
  )
  clearInterval(telling)
  await tellAll()
  const left = await leftovers()
  const sum = (what: (one: typeof left[number]) => number) => left.reduce((total, one) => total + what(one), 0)
  tell({
    _tag: "Left",
    by: index,
    flights: sum((one) => one.flights),
    reading: sum((one) => one.reading),
    refreshes: sum((one) => one.refreshes),
    working: all.flatMap(({ working }) => [...working]),
    unhandled
  })
}

const close = async (): Promise<void> => {
  await Promise.all(targets.map((target) => opened[target].close()))
  lag.stop()
  process.off("disconnect", end)
  process.disconnect()
}

process.on("message", (message: ToWorker) => {
  if (message._tag === "Begin") void begin(message.begin)
  else if (message._tag === "Stop") void stop()
  else void close()
})

// The process that started it has gone.
const end = () => process.exit(1)
process.on("disconnect", end)

noteUnhandled()
tell({ _tag: "Ready" })
