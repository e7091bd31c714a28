/** Values as trees of text, which is all that a page needs: nothing of a value is markup or code there. */
import * as Duration from "effect/Duration"
import type { Node } from "./answers.js"

const maxDepth = 24
const maxEntries = 500
const maxText = 20_000
/** Of a whole tree. */
const maxNodes = 10_000

const leaf = (type: string, text: string): Node =>
  text.length <= maxText ? { type, text } : { type, text: text.slice(0, maxText), more: text.length - maxText }

const nameOf = (value: object): string => {
  const made: unknown = value.constructor
  return typeof made === "function" && made.name !== "" ? made.name : "object"
}

class Budget {
  left = maxNodes
  readonly above: Array<object> = []
}

const branch = (type: string, entries: Iterable<readonly [string, unknown]>, size: number, budget: Budget): Node => {
  const shown: Array<readonly [string, Node]> = []
  for (const [name, value] of entries) {
    if (shown.length >= maxEntries || budget.left <= 0) break
    shown.push([name, toNode(value, budget)])
  }
  return size > shown.length ? { type, entries: shown, more: size - shown.length } : { type, entries: shown }
}

function* indexed(values: Iterable<unknown>): Iterable<readonly [string, unknown]> {
  let i = 0
  for (const value of values) yield [String(i++), value]
}

function* pairs(entries: Iterable<readonly [unknown, unknown]>): Iterable<readonly [string, unknown]> {
  for (const [key, value] of entries) yield [typeof key === "string" ? JSON.stringify(key) : String(key), value]
}

const ofObject = (value: object, budget: Budget): Node => {
  if (value instanceof Date) return leaf("Date", Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString())
  if (value instanceof RegExp) return leaf("RegExp", String(value))
  if (value instanceof URL) return leaf("URL", value.href)
  if (Duration.isDuration(value)) return leaf("Duration", Duration.format(value))
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    const bytes = value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return leaf(`${nameOf(value)}, ${bytes.length} bytes`, Buffer.from(bytes.subarray(0, 1_024)).toString("hex"))
  }
  if (Array.isArray(value)) return branch("array", indexed(value), value.length, budget)
  if (value instanceof Map) return branch("Map", pairs(value), value.size, budget)
  if (value instanceof Set) return branch("Set", indexed(value), value.size, budget)
  if (value instanceof Error) {
    const own = { ...value, message: value.message, ...("cause" in value ? { cause: value.cause } : {}) }
    return branch(value.name, Object.entries(own), Object.keys(own).length, budget)
  }
  // Effect's own types show themselves best as they would in JSON.
  if ("toJSON" in value && typeof value.toJSON === "function" && "_id" in Object(value.toJSON())) {
    const json = Object(value.toJSON()) as Record<string, unknown> // it was just made one
    return branch(String(json._id), Object.entries(json).slice(1), Object.keys(json).length - 1, budget)
  }
  const entries = Object.entries(value)
  return branch(nameOf(value) === "Object" ? "object" : nameOf(value), entries, entries.length, budget)
}

const toNode = (value: unknown, budget: Budget): Node => {
  budget.left--
  if (typeof value === "string") return leaf("string", value)
  if (typeof value === "bigint") return leaf("bigint", `${value}n`)
  if (typeof value === "number") return leaf("number", Object.is(value, -0) ? "-0" : String(value))
  if (typeof value !== "object" || value === null) return leaf(value === null ? "null" : typeof value, String(value))
  if (budget.above.includes(value)) return leaf("circle", "is above")
  if (budget.above.length >= maxDepth) return leaf("object", "deeper than is shown")
  budget.above.push(value)
  const node = ofObject(value, budget)
  budget.above.pop()
  return node
}

export const treeOf = (value: unknown): Node => toNode(value, new Budget())
