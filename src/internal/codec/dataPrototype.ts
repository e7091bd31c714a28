/**
 * Objects that `effect/Equal` compares by their fields: the objects and arrays of `effect/Data`, and instances of its
 * classes and of Schema's. They are recognized by their behaviour, since a program may have two copies of Effect, whose
 * prototypes differ.
 */
import * as Data from "effect/Data"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { hasProperty } from "effect/Predicate"

/** Of the objects that this copy makes: most often they are these, and this is quick. */
export const ownObject: object = Object.getPrototypeOf(Data.struct({}))

const ownArray: object = Object.getPrototypeOf(Data.tuple())

const ownEqual: unknown = Reflect.get(ownObject, Equal.symbol)

/** The same fields, on the same prototype. */
const twin = (value: object): object => {
  const prototype: object | null = Object.getPrototypeOf(value)
  return Array.isArray(value)
    ? Object.setPrototypeOf([...value], prototype)
    : Object.assign(Object.create(prototype), value)
}

const equals = (one: object, other: () => object): boolean => {
  const equal: unknown = Reflect.get(one, Equal.symbol)
  try {
    return typeof equal === "function" && Reflect.apply(equal, one, [other()]) === true
  } catch {
    return false // it looked for what the other one does not have: a private member
  }
}

/** Whether it is equal to what has equal fields: there is nothing else to it, then, as far as it says. */
export const isStructural = (value: object): boolean =>
  hasProperty(value, Equal.symbol) && (value[Equal.symbol] === ownEqual || equals(value, () => twin(value)))

/** Whether the prototype does nothing but tell equal by fields. `some` and `other` differ in a field. */
const tellsByFields = (prototype: object, parent: object, some: object, other: object): boolean => {
  const own = Reflect.ownKeys(prototype)
  if (Object.getPrototypeOf(prototype) !== parent || own.length !== 2) return false
  if (!own.includes(Equal.symbol) || !own.includes(Hash.symbol)) return false
  Object.setPrototypeOf(some, prototype)
  Object.setPrototypeOf(other, prototype)
  return equals(some, () => twin(some)) && !equals(some, () => other)
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Whether objects of this prototype are those of `Data.struct`, `Data.case` and `Data.tagged`. */
export const isDataObject = (prototype: unknown): boolean =>
  prototype === ownObject ||
  (isObject(prototype) && tellsByFields(prototype, Object.prototype, { a: 1 }, { a: 2 }))

/** Whether arrays of this prototype are those of `Data.tuple` and `Data.array`. */
export const isDataArray = (prototype: unknown): boolean =>
  prototype === ownArray || (isObject(prototype) && tellsByFields(prototype, Array.prototype, ["a"], ["b"]))
