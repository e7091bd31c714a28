/**
 * `npm run fuzz -- --minutes 10 [--seed 1] [--target json]`: fuzzes the code that reads bytes and the code that makes
 * keys, in turn, until the time is over or there is a finding. It prints a finding in its shortest form and exits with
 * 1.
 */
import { parseArgs } from "node:util"
import { collectGarbage } from "../support/collectGarbage.js"
import { type Finding, Fuzzer } from "./engine.js"
import { instrument } from "./instrument.js"
import { checkShared, targets } from "./targets.js"

const { values: options } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" }, target: { type: "string" } }
})

const minutes = Number(options.minutes ?? 1)
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 31))

/** How long each target's turn lasts, in ms. */
const turn = 250

/** Growth beyond this, after a garbage collection, is a leak. */
const mostBytes = 1024 ** 3

const inUse = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const { hits, library, points, remove } = await instrument()
process.on("exit", remove)

const fuzzers = targets(library)
  .filter(({ name }) => options.target === undefined || name === options.target)
  .map((target) => new Fuzzer(target, hits, seed))
if (fuzzers.length === 0) throw new Error(`there is no target ${options.target}`)

const report = (finding: Finding): void => {
  console.log(`\nfound in "${finding.target}", seed ${finding.seed}:`)
  console.log(finding.error)
  console.log(`input, ${finding.input.length} bytes: ${Buffer.from(finding.input).toString("hex")}`)
  console.log(`as text: ${JSON.stringify(Buffer.from(finding.input).toString("latin1"))}`)
}

const table = (): void =>
  console.table(Object.fromEntries(fuzzers.map(({ figures, target }) => [target.name, {
    "executions": figures.executions,
    "per second": Math.round(figures.executions / figures.millis * 1000),
    "corpus": figures.corpus,
    "points met": figures.met,
    "slowest, ms": Math.round(figures.slowestMillis)
  }])))

console.log(`seed ${seed}, ${fuzzers.length} targets, ${points} coverage points, ${minutes} minutes`)
const began = performance.now()
const end = began + minutes * 60_000
let nextReport = began + 60_000
let largest = 0

while (performance.now() < end) {
  for (const fuzzer of fuzzers) {
    const finding = fuzzer.run(Infinity, Math.min(end, performance.now() + turn))
    if (finding !== undefined) {
      report(finding)
      process.exit(1)
    }
    checkShared()
    // The compressors of the inputs are released in a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    if (inUse() > mostBytes) collectGarbage()
    largest = Math.max(largest, inUse())
    if (largest > mostBytes) throw new Error(`${fuzzer.target.name}: ${largest} bytes of memory are kept`)
    if (performance.now() >= end) break
  }
  if (performance.now() >= nextReport) {
    nextReport += 60_000
    table()
  }
}

table()
const executions = fuzzers.reduce((sum, { figures }) => sum + figures.executions, 0)
const corpus = fuzzers.reduce((sum, { figures }) => sum + figures.corpus, 0)
const all = new Uint8Array(points)
for (const fuzzer of fuzzers) fuzzer.meets(all)
const met = all.reduce((sum, n) => sum + n, 0)
console.log(
  `clean: ${executions} executions in ${Math.round((performance.now() - began) / 1000)} s, corpus of ${corpus}, ` +
    `${met} of ${points} points met, at most ${Math.round(largest / 2 ** 20)} MiB of memory, seed ${seed}`
)
// Otherwise, whatever the library keeps open for a layer would keep the process alive.
process.exit(0)
