/**
 * The cost of this library's other ways, compared with the plain ones: modes, a resolver, expiring instead of removing.
 */
import { ways as contestants } from "../contestants.js"
import { check, turns, users } from "../lib/data.js"
import { median, ratio } from "../lib/rounds.js"
import { reader, seed } from "../lib/throughput.js"

const file = import.meta.url
const page = users.slice(0, 64)
const keys = page.map(({ id }) => id)

const gets = (get) => (contestant) => {
  const read = reader(contestant)
  const ask = get(contestant)
  return { next: turns(), ask: (i) => ask(users[i].id), check: (value, i) => check(read(value), users[i]) }
}

const pages = (ask, read) => (contestant) => ({
  next: () => page,
  ask: () => ask(contestant),
  check: (found) => {
    for (const [i, user] of page.entries()) check(read(found, i), user)
  }
})

const acts = (act) => (contestant) => ({
  next: turns(),
  ask: (i) => act(contestant, users[i].id),
  check: () => undefined
})

/** By name: the operation, and the plain one that it is compared with. */
const ways = {
  "get": { loop: gets((one) => one.get), beside: "get" },
  "get, withMode use": { loop: gets((one) => one.getIn("use")), beside: "get" },
  "get, withMode readOnly": { loop: gets((one) => one.getIn("readOnly")), beside: "get" },
  "getMany, 64 keys": {
    loop: pages((one) => one.getMany(keys), (found, i) => found.get(keys[i])),
    beside: "getMany, 64 keys"
  },
  "resolver, 64 requests": {
    loop: pages((one) => one.request(keys), (found, i) => found[i]),
    beside: "getMany, 64 keys"
  },
  "expire": { loop: acts((one, id) => one.expire(id)), beside: "delete" },
  "delete": { loop: acts((one, id) => one.delete(id)), beside: "delete" },
  "expireTags": { loop: acts((one) => one.expireTags()), beside: "invalidateTags" },
  "invalidateTags": { loop: acts((one) => one.invalidateTags()), beside: "invalidateTags" }
}

export const worker = {
  seed: (contestant) => seed(contestant),
  /** µs for each. */
  measure: async (contestant, way, millis) => {
    const began = performance.now()
    const done = await contestant.loops(1, began + millis, ways[way].loop(contestant))
    return (performance.now() - began) * 1000 / done
  }
}

export const run = async (bench) => {
  const [worker] = await bench.start(contestants)
  const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]))
  for (let round = 0; round <= bench.rounds; round++) {
    await worker.call(file, "seed")
    for (const way in ways) {
      const took = await worker.call(file, "measure", way, round === 0 ? bench.warmUp / 5 : bench.millis)
      if (round > 0) times[way].push(took)
    }
  }
  await bench.stopAll([worker])
  return [{
    kind: "table",
    workload: "W14",
    id: "W14",
    title: "other ways of this library beside the plain ones, one at a time",
    columns: { micros: "µs", times: "times the plain one", beside: "the plain one" },
    rows: Object.entries(ways).map(([name, { beside }]) => ({
      name,
      micros: median(times[name]),
      times: ratio(times[name], times[beside]).median,
      beside
    }))
  }]
}
