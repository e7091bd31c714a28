/**
 * Checks what a value has in addition to its content. Anything that would not come back is refused: fields under
 * symbols, properties that no loop shows, accessors, the class of an instance.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { field, Refusal } from "../refusal.js"

export const noSymbols = (value: object, known?: ReadonlyArray<symbol>): void => {
  for (const symbol of Object.getOwnPropertySymbols(value)) {
    // Effect keeps a hash that it has computed under one, not enumerable.
    if (Object.prototype.propertyIsEnumerable.call(value, symbol) && known?.includes(symbol) !== true) {
      throw new Refusal("a field under a symbol cannot be stored").within(value, `[${String(symbol)}]`)
    }
  }
}

/** The names of an object that has nothing but enumerable fields. */
export const onlyNames = (value: object): Array<string> => {
  const names = Object.keys(value)
  if (Object.getOwnPropertyNames(value).length !== names.length) {
    throw new Refusal("an object with properties that are not enumerable cannot be stored")
  }
  return names
}

/** A field's value. */
export const read = (value: object, name: string): unknown => {
  const property = Object.getOwnPropertyDescriptor(value, name)
  // What a getter gives may be something else the next time.
  if (property?.get !== undefined || property?.set !== undefined) throw new Refusal("an accessor cannot be stored")
  return property?.value
}

/** Refuses what has more properties than `expected`, its class's own. */
export const bare = (value: object, expected = 0, known?: ReadonlyArray<symbol>): void => {
  noSymbols(value, known)
  const names = Object.getOwnPropertyNames(value)
  if (names.length !== expected) {
    throw new Refusal("it has an extra field of its own, which cannot be stored").within(
      value,
      field(names.at(-1) ?? "")
    )
  }
}

/** Why an instance of a class is refused, and what to do instead. */
export const refusedClass = (value: object): string => {
  if (Redacted.isRedacted(value)) {
    return "a Redacted cannot be stored without a schema that says how to store the secret"
  }
  if (Predicate.isPromiseLike(value)) return "a promise cannot be stored: await it"
  // Errors of Data.TaggedError are effects too, but they are data first.
  if (Effect.isEffect(value) && !(value instanceof Error)) return "an Effect cannot be stored: yield it"
  const named: unknown = Predicate.hasProperty(value, "constructor") ? value.constructor : undefined
  const name = typeof named === "function" && named.name !== "" ? named.name : "an unnamed class"
  return value instanceof Error
    ? `an error of class ${name}: Codec.structural stores built-in errors only; for this one, pass a schema`
    : `an instance of ${name}: Codec.structural does not store class instances; pass a schema`
}
