/** Definitions that are refused, where the cache is made, so that it shows before anything runs. */
import { isWellFormed } from "../codec/wellFormed.js"

/** Throws: an option is not what it must be. */
export const refuse = (cache: string, option: string, expected: string, got: unknown): never => {
  throw new RangeError(`Cache "${cache}": ${option} must be ${expected}, got ${show(got)}`)
}

const show = (value: unknown): string => typeof value === "object" ? JSON.stringify(value) : String(value)

/** Names are the first part of every key, up to a `:`, so none may be empty or have one. */
export const checkName = (name: string): string => {
  if (typeof name !== "string" || name === "") {
    throw new RangeError(`A cache needs a name that is not empty, got ${show(name)}`)
  }
  if (!isWellFormed(name)) throw new RangeError(`Cache ${JSON.stringify(name)}: its name is not well-formed Unicode`)
  if (name.includes(":")) throw new RangeError(`Cache "${name}": its name must not have a ":" in it`)
  return name
}
