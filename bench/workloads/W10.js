/**
 * The cost of an update of the source that invalidates many keys: its begin and its end, compared with deleting them.
 */
import assert from "node:assert/strict"
import { named, ours } from "../contestants.js"
import { users } from "../lib/data.js"
import { median, ratio, rounds } from "../lib/rounds.js"

const file = import.meta.url
const size = 1000
const some = users.slice(0, size)
const keys = some.map(({ id }) => id)

const millis = async (f) => {
  const began = performance.now()
  await f()
  return performance.now() - began
}

export const worker = {
  fill: (contestant) => contestant.settle(contestant.setMany(some.map((user) => [user.id, user]))),
  delete: (contestant) => millis(() => contestant.settle(contestant.deleteMany(keys))),
  /** How long the begin and the end took. No key is stored afterwards. */
  update: async (contestant) => {
    let held = 0
    const began = performance.now()
    await contestant.settle(contestant.invalidating(keys, () => {
      held = performance.now()
    }))
    const ended = performance.now()
    assert.equal((await contestant.settle(contestant.getMany(keys))).size, 0)
    return { begin: held - began, end: ended - held }
  }
}

export const run = async (bench) => {
  const workers = await bench.start(named(ours))
  const times = { deleteMany: [], begin: [], end: [] }
  await rounds(bench.quick ? 10 : 50, workers, async (one) => {
    await one.call(file, "fill")
    times.deleteMany.push(await one.call(file, "delete"))
    await one.call(file, "fill")
    const { begin, end } = await one.call(file, "update")
    times.begin.push(begin)
    times.end.push(end)
  })
  await bench.stopAll(workers)
  // The first ones are for warming up.
  const measured = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, all.slice(all.length / 5)]))
  return [{
    kind: "table",
    workload: "W10",
    id: "W10",
    title: `an update of the source that invalidates ${size.toLocaleString("en")} keys`,
    columns: { millis: "ms", ratio: "of deleteMany" },
    rows: Object.entries(measured).map(([name, samples]) => ({
      name,
      millis: median(samples),
      ratio: ratio(samples, measured.deleteMany).median
    }))
  }]
}
