/** Hits in memory: Redis is not involved; this measures what a cache costs besides the lookup. */
import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { inMemory, memoryReference as reference } from "../contestants.js"
import { check, turns, users } from "../lib/data.js"
import { used } from "../lib/memory.js"
import { reader, seed, throughput, verify } from "../lib/throughput.js"

const file = import.meta.url

/** Waits until copies are kept and own writes were reported, if copies depend on that. */
const settled = (contestant) => contestant.asked === undefined ? undefined : sleep(500)

/** How many entries measure their size; fewer for a quick run, which is less exact. */
const manyOf = (bench) => bench.quick ? 1_000 : 100_000

/** Reads in turn, each checked; the clock is read only once in a while. */
const sweep = (contestant, until) => {
  const read = reader(contestant)
  return contestant.sweeps(until, {
    next: turns(),
    ask: (i) => contestant.get(users[i].id),
    check: (value, i) => check(read(value), users[i])
  })
}

let asked

const { run: measure, worker } = throughput({
  id: "W6",
  file,
  title: "hit in memory",
  reference,
  operations: ["get", "set"],
  prepare: async (contestant) => {
    await seed(contestant)
    await settled(contestant)
    await verify(contestant, users)
    asked = await contestant.asked?.()
  },
  finish: async (contestant) => {
    await verify(contestant, users)
    // With this library, a few may have asked the store, when a heartbeat was late.
    if (asked !== undefined) assert.ok(await contestant.asked() - asked < users.length, "hits were not in memory")
  },
  cells: [{ id: "W6", title: "one after the other", run: sweep }]
})

const text = (i) => JSON.stringify({ ...users[0], id: `v${i}` })

const workerWithSize = {
  ...worker,
  /** Bytes for an entry with its key and its value. */
  size: async (contestant, many) => {
    // One after the other: many fibers at once leave a table of 2 MB in Effect's scheduler, which belongs to no entry.
    const fill = async (from, count) => {
      const to = from + count
      for (let i = from; i < to; i++) await contestant.settle(contestant.set(`v${i}`, JSON.parse(text(i))))
      await settled(contestant)
      // If only reads create copies.
      for (let i = from; i < to; i++) await contestant.settle(contestant.get(`v${i}`))
    }
    // Code that is compiled and tables that grow once do not belong to an entry.
    const first = Math.min(10_000, many)
    await fill(0, first)
    const before = used()
    await fill(first, many)
    const bytes = (used() - before) / many
    const read = reader(contestant)
    for (const i of [first, many]) {
      assert.deepStrictEqual(read(await contestant.settle(contestant.get(`v${i}`))), JSON.parse(text(i)))
    }
    return bytes
  }
}
export { workerWithSize as worker }

const sizes = async (bench, workers) => {
  const many = manyOf(bench)
  const rows = []
  for (const one of workers) rows.push({ name: one.name, bytes: await one.call(file, "size", many) })
  return {
    kind: "table",
    workload: "W6",
    id: "W6 bytes",
    title: `an entry in memory with its key and value, ${many.toLocaleString("en")} of them`,
    columns: { bytes: "bytes" },
    rows
  }
}

export const run = async (bench) => {
  const workers = await bench.start(inMemory)
  const results = [...await measure(bench, workers), await sizes(bench, workers)]
  await bench.stopAll(workers)
  return results
}
