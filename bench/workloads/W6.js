/** Hits in memory: no Redis is asked, and the question is what a cache costs beside the lookup. */
import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { inMemory, memoryReference as reference } from "../contestants.js"
import { check, turns, users } from "../lib/data.js"
import { used } from "../lib/memory.js"
import { reader, seed, throughput, verify } from "../lib/throughput.js"

const file = import.meta.url

/** Until copies are kept, and what was written has been heard of, where copies hang on that: in ms. */
const aWhile = 500

/** So many entries for their size; for a glance fewer, which tells it less exactly. */
const manyOf = (bench) => bench.quick ? 5_000 : 100_000

/** Reads by turns, each checked; how much time is left is asked once in a while. */
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
  contestants: inMemory,
  reference,
  operations: ["get", "set"],
  prepare: async (contestant) => {
    await seed(contestant)
    await sleep(aWhile)
    await verify(contestant, users)
    asked = await contestant.asked?.()
  },
  finish: async (contestant) => {
    await verify(contestant, users)
    // With ours: a few may have asked the store, when a proof of life was late.
    if (asked !== undefined) assert.ok(await contestant.asked() - asked < users.length, "hits were not in memory")
  },
  cells: [{ id: "W6", title: "one after the other", run: sweep }]
})

const text = (i) => JSON.stringify({ ...users[0], id: `v${i}` })

const workerWithSize = {
  ...worker,
  /** Bytes for an entry with its key and its value. */
  size: async (contestant, many) => {
    const fill = async (from, count) => {
      for (let i = from; i < from + count; i++) await contestant.settle(contestant.set(`v${i}`, JSON.parse(text(i))))
      await sleep(aWhile)
      // Where only reads leave copies.
      for (let i = from; i < from + count; i++) await contestant.settle(contestant.get(`v${i}`))
    }
    // What is compiled and grown once is not an entry's.
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

const sizes = async (bench) => {
  const many = manyOf(bench)
  const rows = []
  for (const contestant of inMemory) {
    const [one] = await bench.start([contestant])
    if (one === undefined) continue
    rows.push({ name: contestant.name, bytes: await one.call(file, "size", many) })
    await one.stop()
  }
  return {
    kind: "table",
    workload: "W6",
    id: "W6 bytes",
    title: `an entry in memory with its key and value, ${many.toLocaleString("en")} of them`,
    columns: { bytes: "bytes" },
    rows
  }
}

export const run = async (bench) => [...await measure(bench), await sizes(bench)]
