/**
 * Makes `assert.deepStrictEqual` distinguish `Option.some` from `Option.none`.
 *
 * If two objects have different numbers of keys, chai compares what they iterate over, and every Effect value that can
 * be yielded iterates over one opaque object: so chai considers `Option.some(1)` equal to `Option.none()`.
 */
import { Option } from "effect"
import { chai } from "vitest"

const sameKind = (a: unknown, b: unknown): false | null =>
  Option.isOption(a) && Option.isOption(b) && a._tag !== b._tag ? false : null // null: chai goes on to compare

chai.config.deepEqual = (a: unknown, b: unknown) => chai.util.eql(a, b, { comparator: sameKind })
