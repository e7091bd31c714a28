/**
 * Lets `assert.deepStrictEqual` tell an `Option` that is there from one that is not.
 *
 * Where two objects have different numbers of keys, chai compares what they iterate over, and every value of Effect's
 * that can be yielded iterates over one opaque object: so it takes `Option.some(1)` for equal to `Option.none()`.
 */
import { Option } from "effect"
import { chai } from "vitest"

const sameKind = (a: unknown, b: unknown): false | null =>
  Option.isOption(a) && Option.isOption(b) && a._tag !== b._tag ? false : null // null: chai goes on to compare

chai.config.deepEqual = (a: unknown, b: unknown) => chai.util.eql(a, b, { comparator: sameKind })
