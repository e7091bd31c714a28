/**
 * Any plain value, as MessagePack: the counterpart of Python's pickle, except that reading runs no code.
 *
 * Writing is one pass that checks and tags (`write.ts`), then msgpackr. Reading looks at the bytes first
 * (`scan.ts`), then msgpackr, then, only where there are tags, a pass that resolves them
 * (`read.ts`). The format is in `docs/internals/structural-format.md`.
 */
import * as Either from "effect/Either"
import { Packr } from "msgpackr/pack"
import type { Codec } from "../codec.js"
import { make } from "../make.js"
import * as refusal from "../refusal.js"
import { fromWire } from "./read.js"
import { scan } from "./scan.js"
import { toWire } from "./write.js"

/**
 * Records would carry state from one call to the next; without `variableMapSize` objects of more than 65,535 fields
 * do not fit; an own field that is named `toJSON` is data.
 */
const packr = new Packr({ useRecords: false, variableMapSize: true, useToJSON: false })

const codec: Codec<unknown> = make<unknown>({
  identity: "structural",
  encode: (value, context) => {
    let wire: unknown
    try {
      wire = toWire(value, context.maxSize)
    } catch (error) {
      return Either.left(refusal.issue(error))
    }
    try {
      return Either.right(packr.pack(wire))
    } catch (error) {
      return Either.left({ path: "$", detail: "too large to encode", cause: error })
    }
  },
  decode: (payload) => {
    try {
      const tagged = scan(payload)
      // It leaves a DataView on the payload, which is cheaper than a view of our own to leave it on.
      const wire: unknown = packr.unpack(payload)
      return Either.right(tagged ? fromWire(wire) : wire)
    } catch (error) {
      return Either.left(
        error instanceof refusal.Refusal ? error.toIssue() : { path: "$", detail: "malformed", cause: error }
      )
    }
  }
})

export const structural = <A = unknown>(): Codec<A> => codec as Codec<any> // it takes values of any type
