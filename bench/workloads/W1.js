import { check, turns } from "../lib/data.js"
import { reader, seed, throughput, users, verify } from "../lib/throughput.js"

/** Reads in turn, each checked. */
export const reading = (contestant) => {
  const read = reader(contestant)
  return {
    next: turns(),
    ask: (i) => contestant.get(users[i].id),
    check: (value, i) => check(read(value), users[i])
  }
}

export const { run, worker } = throughput({
  id: "W1",
  file: import.meta.url,
  title: "get hit",
  operations: ["get", "set"],
  prepare: (contestant) => seed(contestant),
  finish: (contestant) => verify(contestant, users),
  cells: [
    { id: "W1", title: "one at a time", pin: true, run: (one, until) => one.loops(1, until, reading(one)) }
  ]
})
