/** The same by hand, inside Effect: what every operation of an Effect program costs before anything is cached. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Redis } from "ioredis"
import { timeToLive } from "../lib/data.js"
import { effects } from "../lib/style.js"
import { versions as read } from "../lib/versions.js"

export const versions = read(import.meta.url, "ioredis", "effect")

const life = timeToLive * 1000

export const make = async (url) => {
  const client = new Redis(url)
  await client.ping()
  const command = (send, read) =>
    Effect.async((resume) => {
      send().then((reply) => resume(Exit.succeed(read(reply))), (error) => resume(Exit.fail(error)))
    })
  const parse = (text) => text === null ? undefined : JSON.parse(text)
  return {
    ...effects(Effect, Effect.runPromise),
    get: (key) => command(() => client.get(`users:${key}`), parse),
    set: (key, value) => command(() => client.set(`users:${key}`, JSON.stringify(value), "PX", life), () => undefined)
  }
}
