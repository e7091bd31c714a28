/** What an entry takes in Redis: memory, and the bytes of its value. */
import { setTimeout as sleep } from "node:timers/promises"
import { contestants, reference, structural, tagged } from "../contestants.js"
import { count, users } from "../lib/data.js"

const file = import.meta.url

export const worker = {
  fill: async (contestant, n) => {
    for (const user of users.slice(0, n)) await contestant.settle(contestant.set(user.id, user))
  },
  fillTagged: async (contestant, n) => {
    for (const user of users.slice(0, n)) await contestant.settle(contestant.setTagged(user.id, user, ["team"]))
  }
}

/** Memory, without what the server keeps for its clients. */
const memory = async (control) => {
  await sleep(100)
  const info = await control.info("memory")
  const field = (name) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)[1])
  return field("used_memory") - field("mem_clients_normal")
}

const measure = async (bench, contestant, method, name) => {
  const { control } = bench
  await control.flushall()
  const [one] = await bench.start([contestant])
  if (one === undefined) return []
  // A few for what is not an entry's: connections, scripts, buffers.
  await one.call(file, method, 64)
  await control.flushall()
  const before = await memory(control)
  await one.call(file, method, count)
  const after = await memory(control)
  await control.select(one.database)
  const keys = await control.keys("*")
  const pipeline = control.pipeline()
  for (const key of keys) pipeline.strlen(key)
  // Other types than strings have no length of this kind.
  const lengths = (await pipeline.exec()).map(([error, length]) => error === null ? length : 0)
  await one.stop()
  return [{
    name,
    memory: (after - before) / count,
    bytes: lengths.reduce((sum, length) => sum + length, 0) / count,
    keys: keys.length / count
  }]
}

export const run = async (bench) => {
  const rows = []
  for (const contestant of contestants) {
    if (contestant.name === "ioredis in Effect") continue
    rows.push(...await measure(bench, contestant, "fill", contestant.name))
  }
  rows.push(...await measure(bench, structural, "fill", structural.name))
  for (const contestant of tagged) {
    rows.push(...await measure(bench, contestant, "fillTagged", `${contestant.name}, with a tag`))
  }
  const raw = rows.find(({ name }) => name === reference)
  return [{
    kind: "table",
    workload: "W9",
    id: "W9",
    title: "an entry of 100 bytes of JSON in Redis",
    columns: { memory: "memory", bytes: "bytes", over: "bytes over raw", keys: "keys" },
    rows: rows.map((row) => ({ ...row, over: row.bytes - raw.bytes }))
  }]
}
