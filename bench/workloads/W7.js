/** One cold key with a thousand concurrent callers: how often it is loaded, and how long they wait. */
import assert from "node:assert/strict"
import { limits, ours } from "../contestants.js"
import { count, users } from "../lib/data.js"
import { median } from "../lib/rounds.js"

const callers = 1000
const loadMillis = 50

let executions = 0
let getUser

/** The same clock for all processes of one machine. */
const now = () => Number(process.hrtime.bigint()) / 1e6

export const worker = {
  able: (contestant) => contestant.memoize !== undefined,
  prepare: async (contestant) => {
    getUser = await contestant.memoize(contestant.compute(loadMillis, (i) => {
      executions++
      return users[i % count]
    }))
  },
  stampede: async (contestant, key, many) => {
    executions = 0
    const began = now()
    const values = await Promise.all(Array.from({ length: many }, () => contestant.settle(getUser(key))))
    const ended = now()
    for (const value of values) assert.deepStrictEqual(value, users[key % count])
    return { executions, began, ended }
  }
}

const file = import.meta.url

/** They load once for all processes. Others load at least once: the key was cold. */
const loadsOnce = new Set([ours, ...limits.map(({ name }) => name)])

/** Rounds of a stampede of these processes, each on a cold key. */
const stampede = async (bench, workers) => {
  const rounds = []
  // In the first round nothing of it is compiled yet.
  for (let round = 0; round <= (bench.quick ? 1 : bench.rounds); round++) {
    const key = count + 100 * workers.length + round
    const told = await Promise.all(
      workers.map((worker) => worker.call(file, "stampede", key, callers / workers.length))
    )
    const runs = told.reduce((sum, one) => sum + one.executions, 0)
    const { name } = workers[0]
    if (loadsOnce.has(name)) assert.equal(runs, 1, `${name} loaded ${runs} times`)
    else assert.ok(runs >= 1, `${name} did not load: the key was not cold`)
    rounds.push({
      executions: runs,
      millis: Math.max(...told.map((one) => one.ended)) - Math.min(...told.map((one) => one.began))
    })
  }
  const [first, ...counted] = rounds
  return {
    executions: median(counted.map((round) => round.executions)),
    most: Math.max(...counted.map((round) => round.executions)),
    cold: first.millis,
    millis: median(counted.map((round) => round.millis))
  }
}

const title = (processes) =>
  `one cold key, ${loadMillis} ms to load, ${processes} process${processes > 1 ? "es" : ""} × ${
    callers / processes
  } callers`

export const run = async (bench) => {
  const fleet = bench.quick ? 2 : 4
  const alone = []
  const together = []
  const first = await bench.start(limits)
  const crew = await bench.crew()
  for (const one of [...first, ...crew]) {
    if (!await one.call(file, "able")) continue
    const starting = Array.from({ length: fleet - 1 }, () => bench.start([one], { sameDatabase: true }))
    const others = (await Promise.all(starting)).flat()
    const workers = [one, ...others]
    for (const worker of workers) await worker.call(file, "prepare")
    alone.push({ name: one.name, ...await stampede(bench, [one]) })
    together.push({ name: one.name, ...await stampede(bench, workers) })
    await bench.stopAll(others)
  }
  await bench.stopAll(first)
  await bench.dismiss(crew)
  return [[1, alone], [fleet, together]].map(([processes, rows]) => ({
    kind: "table",
    workload: "W7",
    id: `W7 ${processes}`,
    title: title(processes),
    columns: { executions: "executions", most: "most", millis: "ms, warm", cold: "ms, the first time" },
    rows
  }))
}
