import assert from "node:assert/strict"
import { check, count, turns } from "../lib/data.js"
import { throughput, users } from "../lib/throughput.js"
import { together } from "../lib/together.js"

let computed = 0
let getUser

/** Calls in turn. Everything is stored: repeated calls get their value from Redis. */
const calling = () => ({
  next: turns(),
  ask: (i) => getUser(i),
  check: (value, i) => check(value, users[i])
})

const callAll = (contestant) =>
  together(0, count, async (i) => assert.deepStrictEqual(await contestant.settle(getUser(i)), users[i]))

export const { run, worker } = throughput({
  id: "W5",
  file: import.meta.url,
  title: "memoized hit through Redis",
  operations: ["memoize"],
  prepare: async (contestant) => {
    const compute = (i) => {
      computed++
      return users[i]
    }
    getUser = await contestant.memoize(contestant.compute(0, compute))
    await callAll(contestant)
  },
  finish: async (contestant) => {
    await callAll(contestant)
    assert.equal(computed, count, "a memoized hit computed")
  },
  cells: [
    { id: "W5", title: "one at a time", pin: true, run: (one, until) => one.loops(1, until, calling()) },
    { id: "W5 64", title: "64 loops", run: (one, until) => one.loops(64, until, calling()) }
  ]
})
