/** What is cached: objects of six fields, 100 bytes each as JSON. */

export const count = 1024

/** In seconds: nothing expires while it is measured. */
export const timeToLive = 3600

const id = (i) => `u${String(i).padStart(7, "0")}`

const user = (i, name) => ({ id: id(i), name, email: "ada@babbage.io", age: 36, active: true, score: 0.25 })

/** What is seeded, and what is written over it: the same length, told apart by the name. */
export const users = Array.from({ length: count }, (_, i) => user(i, "Ada Lovelace"))
export const newer = Array.from({ length: count }, (_, i) => user(i, "Grace Hopper"))

/** Gives indices by turns, so that what is asked for at one time is never asked for twice. */
export const turns = () => {
  let at = 0
  return () => at = (at + 1) % count
}

/** Enough to notice a wrong or a missing value, and little enough not to be what is measured. */
export const check = (value, expected) => {
  if (value === undefined || value === null || value.id !== expected.id || value.name !== expected.name) {
    throw new Error(`read ${JSON.stringify(value)} where ${JSON.stringify(expected)} was written`)
  }
}
