/** A fleet on one server: its total rate, and its slowest calls. */
import { fleet as contestants, reference } from "../contestants.js"
import { check, turns, users } from "../lib/data.js"
import { median, ratio, rounds } from "../lib/rounds.js"
import { reader, seed, verify } from "../lib/throughput.js"

const file = import.meta.url
const loops = 8
/** One call in ten writes. */
const isWrite = (n) => n % 10 === 0

export const worker = {
  seed: (contestant) => seed(contestant),
  verify: (contestant) => verify(contestant, users),
  /** The time that each call took, in ms, and how long all took. */
  measure: async (contestant, millis) => {
    const read = reader(contestant)
    const times = []
    const next = turns()
    let n = 0
    const began = performance.now()
    await contestant.loops(loops, began + millis, {
      next: () => ({ user: users[next()], write: isWrite(n++), asked: performance.now() }),
      ask: ({ user, write }) => write ? contestant.set(user.id, user) : contestant.get(user.id),
      check: (value, { asked, user, write }) => {
        times.push(performance.now() - asked)
        if (!write) check(read(value), user)
      }
    })
    return { times, seconds: (performance.now() - began) / 1000 }
  }
}

const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]

/** All processes of one contestant at once. */
const measure = async (workers, millis) => {
  const told = await Promise.all(workers.map((worker) => worker.call(file, "measure", millis)))
  const times = Float64Array.from(told.flatMap((one) => one.times)).sort()
  return {
    rate: told.reduce((sum, one) => sum + one.times.length / one.seconds, 0),
    middle: percentile(times, 0.5),
    late: percentile(times, 0.99)
  }
}

export const run = async (bench) => {
  const processes = bench.quick ? 4 : 10
  const fleets = []
  for (const contestant of contestants) {
    const first = await bench.start([contestant])
    const others = await Promise.all(
      Array.from(
        { length: first.length === 0 ? 0 : processes - 1 },
        () => bench.start([contestant], { sameDatabase: true })
      )
    )
    const workers = [...first, ...others.flat()]
    if (workers.length === 0) continue
    await workers[0].call(file, "seed")
    // Ten processes share two cores here: late compilation would count as slow.
    await measure(workers, 2 * bench.warmUp)
    fleets.push({ name: contestant.name, workers })
  }
  const samples = await rounds(bench.rounds, fleets, ({ workers }) => measure(workers, bench.millis))
  for (const { workers } of fleets) {
    await workers[0].call(file, "verify")
    await bench.stopAll(workers)
  }
  const of = (name, figure) => samples[name].map((sample) => sample[figure])
  return [{
    kind: "table",
    workload: "W13",
    id: "W13",
    title: `${processes} processes × ${loops} loops on one server, one call in ten a set`,
    columns: { rate: "ops/s in all", ratio: `of ${reference}`, middle: "p50, ms", late: "p99, ms" },
    rows: fleets.map(({ name }) => ({
      name,
      rate: median(of(name, "rate")),
      ratio: ratio(of(name, "rate"), of(reference, "rate")).median,
      middle: median(of(name, "middle")),
      late: median(of(name, "late"))
    }))
  }]
}
