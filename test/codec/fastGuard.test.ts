/** What the quick test accepts is exactly what Effect's parser returns unchanged, in both directions. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, ParseResult, Schema } from "effect"
import * as FastCheck from "fast-check"
import { isDeepStrictEqual } from "node:util"
import { fastGuard } from "../../src/internal/codec/json/fastGuard.js"

enum Color {
  Red,
  Green = "green"
}

const Person = Schema.Struct({
  name: Schema.String,
  age: Schema.Number,
  email: Schema.optional(Schema.String),
  nick: Schema.optionalWith(Schema.String, { exact: true }),
  color: Schema.NullOr(Schema.Enums(Color)),
  toString: Schema.String,
  level: Schema.Int.pipe(Schema.between(0, 10)),
  home: Schema.Struct({ city: Schema.NonEmptyString, zip: Schema.Union(Schema.String, Schema.Number) })
})

/** Schemas of plain data, which have a quick test. */
const plain: Readonly<Record<string, Schema.Schema<any>>> = {
  string: Schema.String,
  number: Schema.Number,
  boolean: Schema.Boolean,
  literals: Schema.Literal("a", 1, true, null),
  integer: Schema.Int,
  text: Schema.String.pipe(Schema.pattern(/^a*$/), Schema.brand("As")),
  list: Schema.Array(Schema.NullOr(Schema.Number)),
  struct: Person,
  people: Schema.Array(Person).pipe(Schema.maxItems(2)),
  nullable: Schema.NullOr(Person)
}

/** Schemas that transform what they read, or whose values JSON cannot hold unchanged. */
const others: Readonly<Record<string, Schema.Schema<any, any>>> = {
  date: Schema.Date,
  numberFromString: Schema.NumberFromString,
  class: class A extends Schema.Class<A>("A")({ a: Schema.String }) {},
  withDefault: Schema.Struct({ a: Schema.optionalWith(Schema.Number, { default: () => 1 }) }),
  asOption: Schema.Struct({ a: Schema.optionalWith(Schema.Number, { as: "Option" }) }),
  nested: Schema.Struct({ a: Schema.Array(Schema.Date) }),
  record: Schema.Record({ key: Schema.String, value: Schema.Number }),
  tuple: Schema.Tuple(Schema.String, Schema.Number),
  required: Schema.Struct({ a: Schema.UndefinedOr(Schema.String) }),
  two: Schema.Union(Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })),
  anything: Schema.Struct({ a: Schema.Unknown }),
  notANumber: Schema.Literal(NaN, -0),
  bigint: Schema.Literal(1n),
  empty: Schema.Struct({}),
  proto: Schema.Struct({ ["__proto__"]: Schema.String }),
  symbol: Schema.Struct({ [Symbol.iterator]: Schema.String }),
  deferred: Schema.suspend(() => Schema.String)
}

const odd = FastCheck.oneof(
  FastCheck.constantFrom(
    undefined,
    null,
    NaN,
    -0,
    0,
    Infinity,
    "",
    "a",
    [],
    {},
    new Date(0),
    new (class {})(),
    () => 1
  ),
  FastCheck.anything({ maxDepth: 1 })
)

/** A value with one field added, left out, or replaced. */
const damaged = <A>(arbitrary: FastCheck.Arbitrary<A>): FastCheck.Arbitrary<unknown> =>
  FastCheck.tuple(arbitrary, FastCheck.nat(9), FastCheck.constantFrom("extra", "toString", "__proto__"), odd).map(
    ([value, turn, name, other]): unknown => {
      if (typeof value !== "object" || value === null) return turn < 3 ? other : value
      const keys = Object.keys(value)
      const key = keys[turn % Math.max(1, keys.length)]
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>
      if (turn < 2) return copy
      // JSON cannot hold an array's other fields.
      if (turn < 4) copy[Array.isArray(value) ? String(value.length) : name] = other
      else if (turn < 6 && key !== undefined) delete copy[key]
      else if (turn < 8 && key !== undefined) copy[key] = other
      else if (turn < 9) return Object.assign(Object.create({ inherited: 1 }) as object, value)
      return copy
    }
  )

const same = (a: unknown, b: unknown) => isDeepStrictEqual(a, b)

/** In JSON, fields that are undefined do not exist. */
const withoutUndefined = (value: unknown): unknown => value === undefined ? value : JSON.parse(JSON.stringify(value))

describe("the quick test of a schema", () => {
  for (const [name, schema] of Object.entries(plain)) {
    it(`accepts only what the parser would not change: ${name}`, () => {
      const test = fastGuard(schema.ast)!
      const [decode, encode] = [ParseResult.decodeUnknownEither(schema), ParseResult.encodeUnknownEither(schema)]
      let passed = 0
      const arbitrary = FastCheck.oneof(damaged(Arbitrary.make(schema)), odd)
      FastCheck.assert(
        FastCheck.property(arbitrary, (value) => {
          if (!test(value)) return true
          passed++
          const [decoded, encoded] = [decode(value), encode(value)]
          return Either.isRight(decoded) && same(decoded.right, value) &&
            Either.isRight(encoded) && same(encoded.right, value) &&
            same(withoutUndefined(value), JSON.parse(JSON.stringify(encoded.right)))
        }),
        { numRuns: 1000 }
      )
      assert.isAbove(passed, 50)
    })
  }

  it("accepts plain values", () => {
    const home = { city: "London", zip: 1 }
    const ada = { name: "Ada", age: 36, color: Color.Red, level: 3, home, toString: "Ada" }
    for (const value of [ada, { ...ada, email: "a@b.c" }, { ...ada, email: undefined, nick: "a" }]) {
      assert.isTrue(fastGuard(Person.ast)!(value))
      assert.isTrue(fastGuard(plain.people!.ast)!([value, value]))
      assert.isTrue(fastGuard(plain.nullable!.ast)!(value))
    }
  })

  it("does not exist where it cannot be certain", () => {
    for (const [name, schema] of Object.entries(others)) assert.isUndefined(fastGuard(schema.ast), name)
  })
})
