/** One cold key, wanted by a thousand callers at once: how often it is loaded, and how long they wait. */
import assert from "node:assert/strict"
import { contestants, limits } from "../contestants.js"
import { users } from "../lib/data.js"
import { median } from "../lib/rounds.js"

const callers = 1000
const loadMillis = 50
const fleet = 4

let executions = 0
let getUser

/** The same clock for all processes of one machine. */
const now = () => Number(process.hrtime.bigint()) / 1e6

export const worker = {
  able: (contestant) => contestant.memoize !== undefined,
  prepare: async (contestant) => {
    getUser = await contestant.memoize(contestant.compute(loadMillis, (i) => {
      executions++
      return users[i]
    }))
  },
  stampede: async (contestant, key, count) => {
    executions = 0
    const began = now()
    const values = await Promise.all(Array.from({ length: count }, () => contestant.settle(getUser(key))))
    const ended = now()
    for (const value of values) assert.deepStrictEqual(value, users[key])
    return { executions, began, ended }
  }
}

const file = import.meta.url

/** Rounds of a stampede of these processes, each on a key that nobody has asked for before. */
const stampede = async (bench, workers) => {
  const rounds = []
  // The first is for warming up.
  for (let round = 0; round <= (bench.quick ? 1 : bench.rounds); round++) {
    const key = 100 * workers.length + round
    const told = await Promise.all(
      workers.map((worker) => worker.call(file, "stampede", key, callers / workers.length))
    )
    rounds.push({
      executions: told.reduce((sum, one) => sum + one.executions, 0),
      millis: Math.max(...told.map((one) => one.ended)) - Math.min(...told.map((one) => one.began))
    })
  }
  const [, ...counted] = rounds
  return {
    executions: median(counted.map((round) => round.executions)),
    most: Math.max(...counted.map((round) => round.executions)),
    millis: median(counted.map((round) => round.millis))
  }
}

const title = (processes) =>
  `one cold key, ${loadMillis} ms to load, ${processes} process${processes > 1 ? "es" : ""} × ${
    callers / processes
  } callers`

export const run = async (bench) => {
  const alone = []
  const together = []
  for (const contestant of [...limits, ...contestants]) {
    const workers = await bench.start([contestant])
    if (workers.length > 0 && await workers[0].call(file, "able")) {
      const others = Array.from({ length: fleet - 1 }, () => bench.start([contestant], { sameDatabase: true }))
      workers.push(...(await Promise.all(others)).flat())
      for (const worker of workers) await worker.call(file, "prepare")
      alone.push({ name: contestant.name, ...await stampede(bench, workers.slice(0, 1)) })
      together.push({ name: contestant.name, ...await stampede(bench, workers) })
    }
    for (const worker of workers) await worker.stop()
  }
  return [[1, alone], [fleet, together]].map(([processes, rows]) => ({
    kind: "table",
    workload: "W7",
    id: `W7 ${processes}`,
    title: title(processes),
    columns: { executions: "executions", most: "most", millis: "ms" },
    rows
  }))
}
