import { turns } from "../lib/data.js"
import { newer, seed, throughput, users, verify } from "../lib/throughput.js"

/** Writes in turn. What they stored is checked at the end. */
const writing = (contestant) => ({
  next: turns(),
  ask: (i) => contestant.set(newer[i].id, newer[i]),
  check: () => undefined
})

export const { run, worker } = throughput({
  id: "W3",
  file: import.meta.url,
  title: "set with time to live",
  operations: ["get", "set"],
  prepare: (contestant) => seed(contestant),
  // Keys that were not reached still have their seeded value.
  finish: (contestant) => verify(contestant, newer, users),
  cells: [
    { id: "W3", title: "64 loops", run: (one, until) => one.loops(64, until, writing(one)) }
  ]
})
