/** How the plain objects and arrays of `effect/Data` are told from others: they have a prototype each. */
import * as Data from "effect/Data"
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"

/** Of `Data.struct`, `Data.case` and `Data.tagged`. */
export const dataObject: unknown = Object.getPrototypeOf(Data.struct({}))

/** Of `Data.tuple` and `Data.array`. */
export const dataArray: unknown = Object.getPrototypeOf(Data.tuple())

const structuralEqual: unknown = Reflect.get(Data.struct({}), Equal.symbol)

/** Whether it is equal to what has equal fields, as instances of `Data.Class` are. */
export const isStructural = (value: object): boolean =>
  Predicate.hasProperty(value, Equal.symbol) && value[Equal.symbol] === structuralEqual
