/**
 * `npm run bench` in the root. Runs the workloads on a Redis of its own and prints the results. Unless the run is quick,
 * it also writes `results/latest.json`, `results/comparison.svg` and the figures in `docs/reference/speed.md`.
 *
 *     --quick        fewer and shorter rounds, and less to store: under 90 seconds
 *     --only W2L,W3  these workloads
 *     --no-install   takes what is installed and built
 *
 * It fails if a value that was read is not the one that was written. A slow result never fails it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import os from "node:os"
import { parseArgs } from "node:util"
import { contestants } from "./contestants.js"
import { chart } from "./lib/chart.js"
import { publish } from "./lib/figures.js"
import { describe, summary } from "./lib/report.js"
import { ratio } from "./lib/rounds.js"
import { startServer } from "./lib/server.js"
import { setUp } from "./lib/setup.js"
import { startWorker } from "./lib/workers.js"

/** Those that run the most code per second come first: if processes are kept, later workloads find it compiled. */
const all = ["W2L", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W11", "W12", "W13", "W14"]

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: all.join(",") },
    "no-install": { type: "boolean", default: false }
  }
})
const chosen = options.only.split(",")
for (const id of chosen) if (!all.includes(id)) throw new RangeError(`no workload ${id}: there are ${all.join(", ")}`)

const settings = options.quick
  ? { quick: true, crews: 1, rounds: 3, warmUp: 400, millis: 50 }
  : { quick: false, crews: 3, rounds: 9, warmUp: 5000, millis: 300 }

if (!options["no-install"]) setUp()
// Imported only now, because it has just been installed.
const { Redis } = await import("ioredis")

const began = performance.now()
const server = await startServer()
const control = new Redis(server.port)
const databases = new Map()
const versions = {}
const absent = new Set()

const databaseOf = ({ module }) => {
  if (!databases.has(module)) databases.set(module, databases.size + 1)
  return databases.get(module)
}

/** Starts contestants, each on an empty database of its own. A contestant that cannot start here is left out. */
const start = async (list = contestants, { sameDatabase = false, server: other } = {}) => {
  const started = await Promise.all(list.map(async (contestant) => {
    const database = databaseOf(contestant)
    if (!sameDatabase && other === undefined) await control.pipeline().select(database).flushdb().exec()
    try {
      const worker = await startWorker(contestant, (other ?? server).url(database))
      versions[contestant.name] ??= worker.versions
      return [{ ...worker, database }]
    } catch (error) {
      if (!absent.has(contestant.name)) console.error(`${contestant.name} cannot take part here:\n${error.message}\n`)
      absent.add(contestant.name)
      return []
    }
  }))
  return started.flat()
}

const stopAll = (workers) => Promise.all(workers.map((worker) => worker.stop()))

/** All contestants, in new processes for each workload; in the same ones for all if it must be quick. */
let kept
const crew = async () => kept ?? (settings.quick ? kept = await start() : await start())
const warmUp = () => settings.quick && kept === undefined ? 8 * settings.warmUp : settings.warmUp
const dismiss = (workers) => settings.quick ? undefined : stopAll(workers)

const machine = {
  cpu: os.cpus()[0]?.model ?? os.arch(),
  cores: os.availableParallelism(),
  system: `${os.type()} ${os.release()}`,
  node: process.version,
  redis: /redis_version:(\S+)/.exec(await control.info("server"))[1]
}

const results = []
for (const id of all.filter((each) => chosen.includes(each))) {
  const { run } = await import(`./workloads/${id}.js`)
  for (const result of await run({ ...settings, warmUp: warmUp(), control, crew, dismiss, server, start, stopAll })) {
    results.push(result)
    console.log(describe(result))
  }
}
if (kept !== undefined) await stopAll(kept)
control.disconnect()
await server.stop()

const stands = summary(results, (samples, reference) => ratio(samples, reference))
if (results.some(({ kind }) => kind === "throughput")) console.log(`${stands}\n`)
console.log(
  contestants.filter(({ name }) => versions[name] !== undefined).map(({ name }) =>
    `${name}: ${Object.entries(versions[name]).map(([each, version]) => `${each} ${version}`).join(", ")}`
  ).join("\n")
)
const seconds = Math.round((performance.now() - began) / 1000)
const where = `Node ${machine.node.slice(1)}, Redis ${machine.redis}, ${machine.cores} cores, ${machine.cpu}`
console.log(`\n${where}, ${machine.system}; ${settings.rounds} rounds of ${settings.millis} ms, ${seconds} s`)

// A quick run is no comparison. A workload that ran at length replaces its last results: its contestants are compared
// with each other, and with no other workload.
if (!options.quick) {
  const folder = new URL("results/", import.meta.url)
  mkdirSync(folder, { recursive: true })
  const file = new URL("latest.json", folder)
  const before = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { results: [], versions: {} }
  const date = new Date().toISOString()
  const ran = results.map((result) => ({ ...result, date }))
  const kept = before.results.filter(({ workload }) => !chosen.includes(workload))
    .map((result) => ({ date: before.date, ...result }))
  const sorted = all.flatMap((id) => [...ran, ...kept].filter(({ workload }) => workload === id))
  const document = { date, machine, settings, versions: { ...before.versions, ...versions }, results: sorted }
  writeFileSync(file, `${JSON.stringify(document, undefined, 2)}\n`)
  const drawn = chart(sorted, `Medians of ${settings.rounds} interleaved rounds. ${where}.`)
  writeFileSync(new URL("comparison.svg", folder), drawn)
  publish(document)
}
