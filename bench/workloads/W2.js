import { seed, throughput, users, verify } from "../lib/throughput.js"
import { reading } from "./W1.js"

const against = "ioredis in Effect"

export const { run, worker } = throughput({
  id: "W2",
  file: import.meta.url,
  title: "get hit",
  operations: ["get", "set"],
  prepare: (contestant) => seed(contestant),
  finish: (contestant) => verify(contestant, users),
  // Effect's own forking is the floor: the same program over raw ioredis shows it.
  cells: [
    { id: "W2 64", title: "64 at once", against, run: (one, until) => one.bursts(64, until, reading(one)) },
    { id: "W2 1024", title: "1,024 at once", against, run: (one, until) => one.bursts(1024, until, reading(one)) }
  ]
})
