/** What is behind `Memo.cachedProperty`. */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { hasProperty } from "effect/Predicate"
import * as PrimaryKey from "effect/PrimaryKey"
import { checkName } from "../definition/refuse.js"
import { derived } from "../key/derived.js"
import { define } from "./definition.js"
import type { Memoized } from "./memo.js"
import { memoize } from "./memo.js"
import type { Options } from "./options.js"

/**
 * The value of the field. An instance is what its other fields say: so one property is equal to the same of any other
 * instance, and there is none in JSON and in keys.
 */
class CachedProperty extends Effectable.Class<unknown, unknown, unknown> {
  readonly #property: Memoized

  constructor(readonly name: string, property: Memoized) {
    super()
    this.#property = property
  }

  commit() {
    return this.#property()
  }

  get bust() {
    return Effect.suspend(() => this.#property.bust())
  }

  get busting() {
    return (options?: Parameters<Memoized["busting"]>[1]) => this.#property.busting([], options)
  }

  get refresh() {
    return Effect.suspend(() => this.#property.refresh())
  }

  get peek() {
    return Effect.suspend(() => this.#property.peek())
  }

  get key() {
    return Effect.suspend(() => this.#property.key())
  }

  get [derived]() {
    return true
  }

  [Equal.symbol](that: unknown): boolean {
    return hasProperty(that, derived) && hasProperty(that, "name") && that.name === this.name
  }

  [Hash.symbol](): number {
    return Hash.string(this.name)
  }

  toJSON(): undefined {
    return undefined
  }
}

// The types of the front doors are the public module's.
export const cachedProperty = <Self>(
  self: Self,
  options: Omit<Options, "key" | "tags" | "valueTags" | "timeout" | "captures" | "revalidate"> & {
    readonly name: string
    readonly key?: ((self: Self) => unknown) | undefined
    readonly tags?: ((self: Self) => ReadonlyArray<string>) | undefined
    readonly valueTags?: ((value: unknown, self: Self) => ReadonlyArray<string>) | undefined
  },
  compute: (self: Self) => Effect.Effect<unknown, unknown, unknown>
): any => { // as above
  // Read when it is used: when a field is defined the ones after it are not there yet.
  const { key = (instance: Self) => (instance as PrimaryKey.PrimaryKey)[PrimaryKey.symbol](), tags, valueTags } =
    options
  const name = checkName(options.name)
  const definition = define(
    name,
    {
      ...options,
      key: () => key(self),
      tags: tags === undefined ? undefined : () => tags(self),
      valueTags: valueTags === undefined ? undefined : (value) => valueTags(value, self)
    },
    // Each instance has a function of its own: they are the same where they are written alike.
    Function.prototype.toString.call(compute)
  )
  return new CachedProperty(name, memoize(() => compute(self), definition, {}))
}
