import { check } from "../lib/data.js"
import { newer, seed, throughput, users, verify } from "../lib/throughput.js"

const size = 100

/** Pages in turn: a hundred users each. */
const pages = (values) => {
  const all = []
  for (let at = 0; at + size <= values.length; at += size) all.push(values.slice(at, at + size))
  let turn = 0
  return () => all[turn = (turn + 1) % all.length]
}

const reading = (contestant) => {
  const read = contestant.readMany ?? ((found) => found)
  return {
    next: pages(users),
    ask: (page) => contestant.getMany(page.map(({ id }) => id)),
    check: (found, page) => {
      const values = read(found, page.map(({ id }) => id))
      for (let i = 0; i < size; i++) check(values[i], page[i])
    }
  }
}

const writing = (contestant) => ({
  next: pages(newer),
  ask: (page) => contestant.setMany(page.map((user) => [user.id, user])),
  check: () => undefined
})

const perKey = (calls) => calls.then((done) => done * size)

export const { run, worker } = throughput({
  id: "W4",
  file: import.meta.url,
  title: "many",
  unit: "keys/s",
  operations: ["get", "set", "getMany", "setMany"],
  prepare: (contestant) => seed(contestant),
  finish: (contestant) => verify(contestant, newer, users),
  cells: [
    { id: "W4 get", title: "get, 100 keys a call", run: (one, until) => perKey(one.loops(1, until, reading(one))) },
    { id: "W4 set", title: "set, 100 keys a call", run: (one, until) => perKey(one.loops(1, until, writing(one))) }
  ]
})
