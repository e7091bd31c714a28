/** The cached values: objects of six fields, 100 bytes each as JSON. */

export const count = 1024

/** In seconds: nothing expires during a measurement. */
export const timeToLive = 3600

const id = (i) => `u${String(i).padStart(7, "0")}`

const user = (i, name) => ({ id: id(i), name, email: "ada@babbage.io", age: 36, active: true, score: 0.25 })

/** The seeded value, and the one that overwrites it: the same length, with different names. */
export const users = Array.from({ length: count }, (_, i) => user(i, "Ada Lovelace"))
export const newer = Array.from({ length: count }, (_, i) => user(i, "Grace Hopper"))

/** Gives indices in turn, so that concurrent calls never ask for the same one. */
export const turns = () => {
  let at = 0
  return () => at = (at + 1) % count
}

/** Enough to notice a wrong or missing value, and cheap enough not to affect the measurement. */
export const check = (value, expected) => {
  if (value === undefined || value === null || value.id !== expected.id || value.name !== expected.name) {
    throw new Error(`read ${JSON.stringify(value)} where ${JSON.stringify(expected)} was written`)
  }
}
