/** What JSON can hold, and a writer for the one number that `JSON.stringify` changes. */
import { field, index, maxDepth, Refusal, tooDeep, within } from "../refusal.js"

const hint = "use Codec.structural, or a schema that encodes it"

const refused = (what: string): Refusal => new Refusal(`JSON cannot represent ${what}: ${hint}`)

const isPlain = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype

/**
 * Throws a `Refusal` where JSON would drop or change something; says whether there is a `-0`, which JSON can hold
 * and `JSON.stringify` does not write.
 */
export const check = (value: unknown, depth = 0): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return false
    case "number":
      if (value === 0) return 1 / value < 0
      if (value - value === 0) return false
      throw refused(String(value))
    case "object":
      if (value === null) return false
      if (depth === maxDepth) throw tooDeep()
      if (Array.isArray(value)) return checkItems(value, depth + 1)
      if (isPlain(value)) return checkFields(value as Readonly<Record<string, unknown>>, depth + 1) // no class
      throw refused("an instance of a class or an object without a prototype")
    case "undefined":
      throw refused("undefined in an array")
    default:
      throw refused(`a ${typeof value}`)
  }
}

const checkItems = (items: ReadonlyArray<unknown>, depth: number): boolean => {
  if (Object.getPrototypeOf(items) !== Array.prototype) throw refused("an instance of a subclass of Array")
  let negativeZero = false
  let i = 0
  try {
    for (; i < items.length; i++) if (check(items[i], depth)) negativeZero = true
  } catch (error) {
    throw within(error, items, index(i))
  }
  return negativeZero
}

/** A field that is undefined is dropped, as JSON does: schemas read absent and undefined alike. */
const checkFields = (fields: Readonly<Record<string, unknown>>, depth: number): boolean => {
  let negativeZero = false
  let name = ""
  try {
    for (name of Object.keys(fields)) {
      const value = fields[name]
      if (value !== undefined && check(value, depth)) negativeZero = true
    }
  } catch (error) {
    throw within(error, fields, field(name))
  }
  return negativeZero
}

/** The same text as `JSON.stringify` for values that `check` has accepted, except for `-0`. */
export const write = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`
  if (typeof value === "object" && value !== null) {
    const written = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => `${JSON.stringify(name)}:${write(item)}`)
    return `{${written.join(",")}}`
  }
  return Object.is(value, -0) ? "-0" : JSON.stringify(value)
}
