/** A page of twenty keys of which two are absent: stored values are read, the rest is loaded and stored. */
import assert from "node:assert/strict"
import { check } from "../lib/data.js"
import { seed, throughput, users } from "../lib/throughput.js"

const size = 20
const absent = 2
const present = size - absent

let loaded = 0
let asked = 0

/** A user that was never read before. */
const stranger = () => {
  const i = asked++
  return { ...users[i % users.length], id: `stranger${process.pid}-${i}` }
}

/** By key, the value that a load finds: the source. */
const source = new Map()

const turning = () => {
  let at = 0
  return () => {
    at = (at + present) % (users.length - present)
    const page = users.slice(at, at + present)
    for (let i = 0; i < absent; i++) {
      const user = stranger()
      source.set(user.id, user)
      page.splice(7 * i + 3, 0, user)
    }
    return page
  }
}

let getPage

const reading = (contestant) => ({
  next: turning(),
  ask: (page) => getPage(page.map(({ id }) => id)),
  check: (values, page) => {
    const read = contestant.readPage ?? ((found) => found)
    const found = read(values, page.map(({ id }) => id))
    for (let i = 0; i < size; i++) check(found[i], page[i])
  }
})

export const { run, worker } = throughput({
  id: "W11",
  file: import.meta.url,
  title: `a page of ${size} keys of which ${absent} are absent`,
  unit: "pages/s",
  operations: ["pages", "set"],
  prepare: async (contestant) => {
    await seed(contestant)
    const load = contestant.compute(0, (keys) => {
      loaded += keys.length
      return keys.map((key) => {
        const user = source.get(key)
        source.delete(key)
        return [key, user]
      })
    })
    getPage = contestant.pages(load)
  },
  finish: () => {
    assert.equal(loaded, asked, "each absent key is loaded once, and no other")
    assert.equal(source.size, 0)
  },
  cells: [
    { id: "W11", title: "one at a time", run: (one, until) => one.loops(1, until, reading(one)) },
    { id: "W11 16", title: "16 loops", run: (one, until) => one.loops(16, until, reading(one)) }
  ]
})
