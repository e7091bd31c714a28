import { seed, throughput, users, verify } from "../lib/throughput.js"
import { reading } from "./W1.js"

export const { run, worker } = throughput({
  id: "W2L",
  file: import.meta.url,
  title: "get hit",
  operations: ["get", "set"],
  prepare: (contestant) => seed(contestant),
  finish: (contestant) => verify(contestant, users),
  cells: [
    { id: "W2L", title: "64 loops", run: (one, until) => one.loops(64, until, reading(one)) }
  ]
})
