/** Values of a megabyte. */
import assert from "node:assert/strict"
import { reader, throughput, users } from "../lib/throughput.js"

const bytes = 1_000_000
const keys = 8

const text = (letter) => letter.repeat(bytes)
const large = Array.from({ length: keys }, (_, i) => ({ ...users[i], id: `large${i}`, name: text("abcdefgh"[i]) }))

const turns = () => {
  let at = 0
  return () => large[at = (at + 1) % keys]
}

const same = (value, user) => {
  assert.equal(value?.id, user.id)
  assert.equal(value.name.length, bytes)
  assert.equal(value.name[bytes - 1], user.name[0])
}

const reading = (contestant) => {
  const read = reader(contestant)
  return {
    next: turns(),
    ask: (user) => contestant.get(user.id),
    check: (value, user) => same(read(value), user)
  }
}

const writing = (contestant) => ({
  next: turns(),
  ask: (user) => contestant.set(user.id, user),
  check: () => undefined
})

const all = async (contestant) => {
  const read = reader(contestant)
  for (const user of large) same(read(await contestant.settle(contestant.get(user.id))), user)
}

export const { run, worker } = throughput({
  id: "W12",
  file: import.meta.url,
  title: "a value of 1 MB",
  operations: ["get", "set"],
  prepare: async (contestant) => {
    for (const user of large) await contestant.settle(contestant.set(user.id, user))
    await all(contestant)
  },
  finish: all,
  cells: [
    { id: "W12 get", title: "get, one at a time", run: (one, until) => one.loops(1, until, reading(one)) },
    { id: "W12 set", title: "set, one at a time", run: (one, until) => one.loops(1, until, writing(one)) }
  ]
})
