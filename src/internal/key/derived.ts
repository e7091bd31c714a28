/** What marks a field's value as no part of what the object is: it follows from the other fields, or is an effect that does. */
import { hasProperty } from "effect/Predicate"

export const derived: unique symbol = Symbol.for("effect-redis-cache/Derived")

export const isDerived = (value: unknown): boolean => hasProperty(value, derived)
