/** Costs that grow with the number of entries, and costs that must not. */
import assert from "node:assert/strict"
import { fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { named, ours, reference, tagged } from "../contestants.js"
import { check, users } from "../lib/data.js"
import { median, rounds } from "../lib/rounds.js"
import { startServer } from "../lib/server.js"
import { reader } from "../lib/throughput.js"

const file = import.meta.url
const seeded = "seed"
const tag = "team"

const millis = async (f) => {
  const began = performance.now()
  await f()
  return performance.now() - began
}

/** A user out of the first `n` of a cache. */
const anyOf = (n) => () => Math.floor(Math.random() * n)

const keyOf = (i) => i === 0 ? seeded : `${seeded}${i}`

export const worker = {
  able: (contestant, operation) => contestant[operation] !== undefined,
  seed: (contestant) => contestant.settle(contestant.set(seeded, users[0])),
  seedTagged: (contestant) => contestant.settle(contestant.setTagged(seeded, users[0], [tag])),
  clear: (contestant) => millis(() => contestant.settle(contestant.clear())),
  invalidate: (contestant) => millis(() => contestant.settle(contestant.invalidateTag(tag))),
  /** Whether the copies of the seeded user are all there, or none is. */
  there: async (contestant, indices) => {
    const read = reader(contestant)
    const found = new Set()
    for (const i of indices) found.add(read(await contestant.settle(contestant.get(keyOf(i)))) !== undefined)
    assert.equal(found.size, 1)
    return found.has(true)
  },
  get: async (contestant, n, duration) => {
    const read = reader(contestant)
    const began = performance.now()
    const done = await contestant.loops(64, began + duration, {
      next: anyOf(n),
      ask: (i) => contestant.get(keyOf(i)),
      check: (value) => check(read(value), users[0])
    })
    return done / (performance.now() - began) * 1000
  },
  set: async (contestant, n, duration) => {
    const began = performance.now()
    const done = await contestant.loops(64, began + duration, {
      next: anyOf(n),
      ask: (i) => contestant.set(keyOf(i), users[0]),
      check: () => undefined
    })
    return done / (performance.now() - began) * 1000
  }
}

/** Copies the seeded entries until there are `count` of them, on the server, and returns how many keys that took. */
const grow = async (control, database, count) => {
  await control.select(database)
  const originals = (await control.keys("*")).filter((key) => key.includes(seeded))
  const copy = `
    for i = ARGV[1], ARGV[2] do
      for _, key in ipairs(KEYS) do
        local at, to = string.find(key, '${seeded}', 1, true)
        redis.call('COPY', key, string.sub(key, 1, to) .. string.format('%d', i) .. string.sub(key, to + 1), 'REPLACE')
      end
    end`
  for (let from = 1; from < count; from += 5000) {
    await control.eval(copy, originals.length, ...originals, from, Math.min(from + 5000, count) - 1)
  }
}

const startPinger = async (server) => {
  const child = fork(new URL("../lib/pinger.js", import.meta.url), [server.port])
  const told = async () => (await once(child, "message"))[0]
  await told()
  return {
    start: () => child.send("start"),
    worst: () => {
      child.send("stop")
      return told()
    },
    stop: () => child.disconnect()
  }
}

const indices = (n) => [0, 1, n >> 1, n - 1].filter((i) => i < n)

const clearing = async (bench, size) => {
  const rows = []
  const pinger = await startPinger(bench.server)
  const crew = await bench.crew()
  for (const one of crew) {
    if (!await one.call(file, "able", "clear")) continue
    const times = []
    const waits = []
    for (let round = 0; round < (bench.quick ? 1 : 5); round++) {
      await bench.control.flushall()
      await one.call(file, "seed")
      await grow(bench.control, one.database, size)
      assert.equal(await one.call(file, "there", indices(size)), true)
      await sleep(100)
      await pinger.start()
      times.push(await one.call(file, "clear"))
      waits.push(await pinger.worst())
      assert.equal(await one.call(file, "there", indices(size)), false)
    }
    const name = one.name === reference ? `${reference}, KEYS + DEL (walrus)` : one.name
    rows.push({ name, millis: median(times), worst: median(waits) })
  }
  await bench.dismiss(crew)
  pinger.stop()
  return {
    kind: "table",
    workload: "W8",
    id: "W8 clear",
    title: `clearing a cache of ${size.toLocaleString("en")} entries, and the longest that anybody else waited`,
    columns: { millis: "ms", worst: "worst PING, ms" },
    rows
  }
}

const invalidating = async (bench, sizes) => {
  const rows = []
  const workers = await bench.start(tagged)
  for (const one of workers) {
    const row = { name: one.name }
    // The first ones are for warming up.
    for (const size of [1, ...sizes]) {
      const times = []
      for (let round = 0; round < (bench.quick ? 1 : bench.rounds); round++) {
        await bench.control.flushall()
        await one.call(file, "seedTagged")
        await grow(bench.control, one.database, size)
        assert.equal(await one.call(file, "there", indices(size)), true)
        times.push(await one.call(file, "invalidate"))
        assert.equal(await one.call(file, "there", indices(size)), false)
      }
      row[`of${size}`] = median(times)
    }
    rows.push(row)
  }
  await bench.stopAll(workers)
  return {
    kind: "table",
    workload: "W8",
    id: "W8 tags",
    title: "invalidating a tag, ms",
    columns: Object.fromEntries(sizes.map((size) => [`of${size}`, `of ${size.toLocaleString("en")}`])),
    rows
  }
}

const growing = async (bench, small, large) => {
  const { Redis } = await import("ioredis")
  const workers = []
  const servers = []
  for (const size of [small, large]) {
    const server = await startServer()
    const control = new Redis(server.port)
    servers.push({ server, control })
    for (const one of await bench.start(named(reference, ours), { server })) {
      await one.call(file, "seed")
      await grow(control, one.database, size)
      workers.push({ ...one, size, contestant: one.name, name: `${one.name} ${size}` })
    }
  }
  const rows = []
  for (const operation of ["get", "set"]) {
    await Promise.all(workers.map((one) => one.call(file, operation, one.size, bench.warmUp)))
    const samples = await rounds(bench.rounds, workers, (one) => one.call(file, operation, one.size, bench.millis))
    for (const name of [reference, ours]) {
      const [few, many] = [samples[`${name} ${small}`], samples[`${name} ${large}`]]
      rows.push({
        name: `${name}, ${operation}`,
        few: median(few),
        many: median(many),
        ratio: median(few.map((sample, i) => many[i] / sample))
      })
    }
  }
  for (const one of workers) await one.stop()
  for (const { control, server } of servers) {
    control.disconnect()
    await server.stop()
  }
  return {
    kind: "table",
    workload: "W8",
    id: "W8 growth",
    title: "64 loops over few and over many keys, ops/s",
    columns: { few: small.toLocaleString("en"), many: large.toLocaleString("en"), ratio: "ratio" },
    rows
  }
}

export const run = async (bench) => [
  await clearing(bench, bench.quick ? 10_000 : 100_000),
  await invalidating(bench, [1, 1000, bench.quick ? 10_000 : 100_000]),
  await growing(bench, 1000, bench.quick ? 10_000 : 1_000_000)
]
