/**
 * Workloads that count operations a second: each contestant in a process of its own, interleaved, in several rounds.
 * How the JIT compiled a program stays with its process, so each process is restarted a few times.
 */
import assert from "node:assert/strict"
import { reference as raw } from "../contestants.js"
import { count, newer, users } from "./data.js"
import { median, ratio, rounds } from "./rounds.js"
import { together } from "./together.js"
import { canPin, pinned } from "./workers.js"

/** Unwraps the value of a contestant's result. */
export const reader = (contestant) => contestant.read ?? ((value) => value)

/** The result of an operation: the value itself. */
const answer = (contestant, operation) => contestant.settle(operation).then(reader(contestant))

/** Writes all users, through the contestant itself. */
export const seed = (contestant) => together(0, count, (i) => contestant.settle(contestant.set(users[i].id, users[i])))

/** Every key has exactly these values, or one of them. */
export const verify = (contestant, ...expected) =>
  together(0, count, async (i) => {
    const value = await answer(contestant, contestant.get(users[i].id))
    const written = expected.find((values) => values[i].name === value?.name) ?? expected[0]
    assert.deepStrictEqual(value, written[i])
  })

export { newer, users }

/**
 * - `cells`: the measurements, each `{ id, title, run: (contestant, until) => Promise<number of operations> }`; with
 *   `pin: true`, measured again with client and server on a core each
 * - `reference`: the contestant that the others are compared with
 * - `prepare`, `finish`: before and after, in the worker; `finish` checks what was stored
 */
export const throughput = (
  { cells, file, finish, id, operations, prepare, reference = raw, title, unit = "ops/s" }
) => ({
  worker: {
    able: (contestant) => operations.every((operation) => contestant[operation] !== undefined),
    prepare,
    finish,
    measure: async (contestant, cell, millis) => {
      const cpu = process.cpuUsage()
      const began = performance.now()
      const done = await cells[cell].run(contestant, began + millis)
      const took = performance.now() - began
      const { system, user } = process.cpuUsage(cpu)
      return { rate: done / took * 1000, cpu: (user + system) / done }
    }
  },

  /**
   * Restarts the processes of the contestants that take part in most workloads a few times, if no workers are named.
   */
  run: async (bench, named) => {
    const crews = named === undefined ? bench.crews : 1
    const results = new Map()
    const add = (cell, samples) => {
      const before = results.get(cell.id)?.samples
      for (const name in before) samples[name].unshift(...before[name])
      results.set(cell.id, { ...cell, samples })
    }
    for (let crew = 0; crew < crews; crew++) {
      const workers = named ?? await bench.crew()
      const able = []
      for (const worker of workers) if (await worker.call(file, "able")) able.push(worker)
      await Promise.all(able.map((worker) => worker.call(file, "prepare")))
      for (const [index, cell] of cells.entries()) {
        const measure = async () => {
          // All at once: nothing is measured yet, and late compilation would count as slow.
          await Promise.all(able.map((worker) => worker.call(file, "measure", index, bench.warmUp)))
          return await rounds(bench.rounds / crews, able, (worker) => worker.call(file, "measure", index, bench.millis))
        }
        add(cell, await measure())
        if (cell.pin !== true || bench.quick || !canPin()) continue
        const apart = {
          ...cell,
          id: `${cell.id} pinned`,
          title: `${cell.title}, a core each for client and server`
        }
        add(apart, await pinned(bench.server, able, measure))
      }
      await Promise.all(able.map((worker) => worker.call(file, "finish")))
      if (named === undefined) await bench.dismiss(workers)
    }
    const rates = (cell, name) => cell.samples[name].map((sample) => sample.rate)
    return [...results.values()].map((cell) => ({
      kind: "throughput",
      workload: id,
      id: cell.id,
      title: `${title}, ${cell.title}`,
      unit,
      reference,
      against: cell.against,
      contestants: Object.fromEntries(
        Object.keys(cell.samples).map((name) => {
          const samples = rates(cell, name)
          return [name, {
            median: median(samples),
            cpu: median(cell.samples[name].map((sample) => sample.cpu)),
            ratio: ratio(samples, rates(cell, reference)),
            against: cell.against === undefined ? undefined : ratio(samples, rates(cell, cell.against)),
            samples
          }]
        })
      )
    }))
  }
})
