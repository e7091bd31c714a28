/** What an entry takes in Redis: memory, and the bytes of its value. */
import { setTimeout as sleep } from "node:timers/promises"
import { reference, structural, tagged } from "../contestants.js"
import { count, users } from "../lib/data.js"
import { together } from "../lib/together.js"

const file = import.meta.url

export const worker = {
  fill: (contestant, n) => together(0, n, (i) => contestant.settle(contestant.set(users[i].id, users[i]))),
  fillTagged: (contestant, n) =>
    together(0, n, (i) => contestant.settle(contestant.setTagged(users[i].id, users[i], ["team"])))
}

/** Memory, without what the server needs for its clients. */
const memory = async (control) => {
  await sleep(100)
  const info = await control.info("memory")
  const field = (name) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)[1])
  return field("used_memory") - field("mem_clients_normal")
}

const measure = async ({ control }, one, method, name) => {
  await control.flushall()
  // A few entries to pay for connections, scripts and buffers.
  await one.call(file, method, 64)
  await control.flushall()
  const before = await memory(control)
  await one.call(file, method, count)
  const after = await memory(control)
  await control.select(one.database)
  const keys = await control.keys("*")
  const pipeline = control.pipeline()
  for (const key of keys) pipeline.strlen(key)
  // Types other than strings have no length of this kind.
  const lengths = (await pipeline.exec()).map(([error, length]) => error === null ? length : 0)
  return {
    name,
    memory: (after - before) / count,
    bytes: lengths.reduce((sum, length) => sum + length, 0) / count,
    keys: keys.length / count
  }
}

export const run = async (bench) => {
  const rows = []
  const crew = await bench.crew()
  const packed = await bench.start([structural])
  const labelled = await bench.start(tagged)
  for (const one of [...crew, ...packed]) {
    if (one.name !== "ioredis in Effect") rows.push(await measure(bench, one, "fill", one.name))
  }
  for (const one of labelled) rows.push(await measure(bench, one, "fillTagged", `${one.name}, with a tag`))
  await bench.stopAll([...packed, ...labelled])
  await bench.dismiss(crew)
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
