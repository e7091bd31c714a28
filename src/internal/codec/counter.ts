/** A counter is plain decimal text, so that Redis can add to it and people can read it. */
import * as Either from "effect/Either"
import type { Codec } from "./codec.js"
import { make } from "./make.js"
import { toBytes, toText } from "./utf8.js"

const decimal = /^(?:0|-?[1-9]\d{0,15})$/

export const counter: Codec<number> = make<number>({
  identity: "counter",
  encode: (value) =>
    // Redis knows no -0, and would give 0 back.
    Number.isSafeInteger(value) && !Object.is(value, -0)
      ? Either.right(toBytes(String(value)))
      : Either.left({ path: "$", detail: "a counter holds only safe integers" }),
  decode: (payload) => {
    // Longer than any safe integer: not worth reading.
    const text = payload.length > 17 ? undefined : toText(payload)
    const value = text !== undefined && decimal.test(text) ? Number(text) : NaN
    return Number.isSafeInteger(value)
      ? Either.right(value)
      : Either.left({ path: "$", detail: "not the decimal text of a safe integer" })
  }
})
