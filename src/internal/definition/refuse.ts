/** Refuses invalid definitions when the cache is made, so that mistakes show before anything runs. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { isWellFormed } from "../codec/wellFormed.js"

/** Throws, because an option is invalid. */
export const refuse = (cache: string, option: string, expected: string, got: unknown): never => {
  throw new RangeError(`Cache "${cache}": ${option} must be ${expected}, got ${show(got)}`)
}

const show = (value: unknown): string => {
  if (Predicate.isPromiseLike(value)) return "a promise"
  if (typeof value === "string") return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}

/** What is wrong with a function of the user's that gave something else than an effect. */
export const noEffect = (what: string, got: unknown): TypeError => {
  const remedy = Predicate.isPromiseLike(got) ? ": wrap it in Effect.tryPromise" : ": wrap it in Effect.sync"
  return new TypeError(`${what} must return an Effect, but returned ${describe(got)}${remedy}`)
}

/** Describes a value in a few words, without its contents. */
export const describe = (value: unknown): string => {
  if (Predicate.isPromiseLike(value)) return "a promise"
  if (Effect.isEffect(value)) return "an Effect"
  switch (typeof value) {
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object"
    case "undefined":
      return "undefined"
    default:
      return `a ${typeof value}`
  }
}

/** Names are the first part of every key, up to a `:`, so none may be empty or have one. */
export const checkName = (name: string): string => {
  if (typeof name !== "string" || name === "") {
    throw new RangeError(`A cache needs a non-empty name, got ${show(name)}`)
  }
  if (!isWellFormed(name)) throw new RangeError(`Cache ${JSON.stringify(name)}: its name is not well-formed Unicode`)
  if (name.includes(":")) throw new RangeError(`Cache "${name}": its name must not contain ":"`)
  return name
}
