/** Running a memoized function: it has no `this`, and gives an effect. Where it does not, the defect says so and names it. */
import * as Effect from "effect/Effect"
import { noEffect } from "../definition/refuse.js"
import type { Fn } from "./options.js"

const noObject = (name: string, what: string): TypeError =>
  new TypeError(
    `The memoized function "${name}" uses \`${what}\`, but was passed without its object: ` +
      "pass an arrow function that calls the method, `(...) => object.method(...)`"
  )

/** Replaces the missing `this`. Symbols are read by code that prints or compares it. */
const missing = (name: string): object => {
  const refuse = (property: string | symbol): void => {
    if (typeof property === "string") throw noObject(name, `this.${property}`)
  }
  return new Proxy(Object.freeze({}), {
    get: (_, property) => refuse(property),
    has: (_, property) => refuse(property) === undefined && false,
    set: (_, property) => refuse(property) === undefined && false
  })
}

/** No proxy has private members. Arrow functions have the `this` of where they are written, and that is not missing. */
const usesPrivate = (fn: Fn): boolean => {
  const text = Function.prototype.toString.call(fn)
  return /\bthis\s*\.\s*#/.test(text) && !/^(async\b\s*)?(\(|[\w$]+\s*=>)/.test(text)
}

export const running = (fn: Fn, name: string): Fn => {
  const self = missing(name)
  const isMethod = usesPrivate(fn)
  return (...args) => {
    if (isMethod) throw noObject(name, "this.#…")
    const effect: unknown = Reflect.apply(fn, self, args)
    if (Effect.isEffect(effect)) return effect
    throw noEffect(`The memoized function "${name}"`, effect)
  }
}
