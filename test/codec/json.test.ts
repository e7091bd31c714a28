import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Either, Option, ParseResult, Redacted, Schema } from "effect"
import * as FastCheck from "fast-check"
import { isDeepStrictEqual } from "node:util"
import * as Codec from "../../src/Codec.js"
import { same } from "./trees.js"

const context = { key: "users:1", maxSize: 10_000_000 }

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const text = <A, I>(schema: Schema.Schema<A, I>, value: A): string =>
  Either.match(Codec.json(schema).encode(value, context), {
    onLeft: ({ detail, path }) => `${path}: ${detail}`,
    onRight: (payload) => new TextDecoder().decode(payload)
  })

const roundTrip = <A, I>(schema: Schema.Schema<A, I>, value: A): unknown => {
  const codec = Codec.json(schema)
  return Either.getOrThrowWith(
    Either.flatMap(codec.encode(value, context), (payload) => codec.decode(payload, context)),
    ({ detail, path }) => new Error(`${detail} (at ${path})`)
  )
}

const issue = <A, I>(schema: Schema.Schema<A, I>, payload: Uint8Array): string =>
  Either.match(Codec.json(schema).decode(payload, context), {
    onLeft: ({ detail, path }) => `${path}: ${detail}`,
    onRight: () => "decoded"
  })

class User extends Schema.Class<User>("User")({
  id: Schema.Number,
  name: Schema.optionalWith(Schema.String, { as: "Option" }),
  joined: Schema.Date,
  tags: Schema.Array(Schema.String),
  wait: Schema.Duration,
  token: Schema.Redacted(Schema.String)
}) {}

describe("the JSON codec", () => {
  it("writes the encoded form of the schema", () => {
    const Name = Schema.Struct({ id: Schema.NumberFromString, at: Schema.Date })
    assert.strictEqual(
      text(Name, { id: 1, at: new Date(0) }),
      "{\"id\":\"1\",\"at\":\"1970-01-01T00:00:00.000Z\"}"
    )
  })

  it("gives values back equal", () => {
    const user = new User({
      id: -0,
      name: Option.some("Ada"),
      joined: new Date(5),
      tags: ["a"],
      wait: Duration.seconds(3),
      token: Redacted.make("secret")
    })
    const back = roundTrip(User, user)
    assert.isTrue(back instanceof User)
    assert.isTrue(same(back, user))
    assert.strictEqual(Redacted.value((back as User).token), "secret")
  })

  it("gives all JSON data back equal, or refuses it", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.anything({
          key: FastCheck.oneof(FastCheck.string(), FastCheck.constantFrom("__proto__", "toJSON", "constructor")),
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withNullPrototype: true,
          withSparseArray: true,
          withTypedArray: true,
          withBoxedValues: true
        }),
        (value) => {
          const codec = Codec.json(Schema.Unknown)
          const written = codec.encode(value, context)
          if (Either.isLeft(written)) return
          const back = Either.getOrThrow(codec.decode(written.right, context))
          assert.isTrue(isDeepStrictEqual(back, withoutUndefined(value)))
        }
      ),
      { numRuns: 5_000 }
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.jsonValue({ noUnicodeString: false }), (value) => {
        assert.isTrue(isDeepStrictEqual(roundTrip(Schema.Unknown, value), value))
      }),
      { numRuns: 2_000 }
    )
  })

  it("keeps -0, which JSON.stringify does not", () => {
    assert.strictEqual(text(Schema.Number, -0), "-0")
    assert.strictEqual(
      text(Schema.Unknown, { "a\"": [-0, 1, "x", null, { b: undefined, c: true }] }),
      "{\"a\\\"\":[-0,1,\"x\",null,{\"c\":true}]}"
    )
    assert.isTrue(isDeepStrictEqual(roundTrip(Schema.Unknown, { a: [-0, 0] }), { a: [-0, 0] }))
  })

  it("stores undefined as a whole value, in zero bytes", () => {
    const schema = Schema.UndefinedOr(Schema.String)
    assert.strictEqual(text(schema, undefined), "")
    assert.isUndefined(roundTrip(schema, undefined))
    assert.strictEqual(roundTrip(schema, ""), "")
    assert.strictEqual(issue(Schema.String, bytes("")), "$: expected string, got undefined")
  })

  it("drops fields that are undefined, as JSON does", () => {
    assert.strictEqual(text(Schema.Unknown, { a: undefined, b: 1 }), "{\"b\":1}")
    assert.isTrue(isDeepStrictEqual(
      roundTrip(Schema.Struct({ a: Schema.UndefinedOr(Schema.Number) }), { a: undefined }),
      { a: undefined }
    ))
  })

  it("refuses what JSON cannot hold, with the path and a way out", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [{ a: NaN }, "$.a: JSON cannot represent NaN"],
      [[1, Infinity], "$[1]: JSON cannot represent Infinity"],
      [{ "a b": { c: [1n] } }, "$[\"a b\"].c[0]: JSON cannot represent a bigint"],
      [{ a: Symbol("s") }, "$.a: JSON cannot represent a symbol"],
      [{ toJSON: () => 1 }, "$.toJSON: JSON cannot represent a function"],
      [[undefined], "$[0]: JSON cannot represent undefined in an array"],
      [[1, , 2], "$[1]: JSON cannot represent undefined in an array"],
      [{ at: new Date() }, "$.at: JSON cannot represent an instance of a class"],
      [new Map(), "$: JSON cannot represent an instance of a class"],
      [Object.create(null), "$: JSON cannot represent an instance of a class"],
      [Data.tuple(1), "$: JSON cannot represent an instance of a subclass of Array"]
    ]
    for (const [value, message] of cases) {
      const written = text(Schema.Unknown, value)
      assert.isTrue(written.startsWith(message), written)
      assert.include(written, "Codec.structural")
    }
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    assert.strictEqual(text(Schema.Unknown, cycle), "$.self: a cycle")
    assert.match(
      text(Schema.Unknown, {
        get a() {
          throw new Error("no")
        }
      }),
      /^\$\.a: reading it/
    ) // dprint-ignore
  })

  it("refuses what the schema refuses, in one line, and never prints the value", () => {
    const schema = Schema.Struct({
      "a b": Schema.Array(Schema.Struct({ password: Schema.Redacted(Schema.NonEmptyString) }))
    })
    assert.strictEqual(
      issue(schema, bytes("{\"a b\":[{\"password\":{\"hunter2\":1}}]}")),
      "$[\"a b\"][0].password: expected string, got an object"
    )
    assert.strictEqual(issue(schema, bytes("{}")), "$[\"a b\"]: is missing")
    assert.notInclude(issue(Schema.NumberFromString, bytes("\"hunter2\"")), "hunter2")
    assert.notInclude(issue(Schema.Date, bytes("\"hunter2\"")), "hunter2")
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    const wrong = text(Schema.Redacted(Schema.Number), Redacted.make("hunter2"))
    assert.strictEqual(wrong, "$: expected number, got a string")
    assert.notInclude(issue(User, bytes("hunter2")), "hunter2")
  })

  it("says so if the schema is effectful or throws", () => {
    const effectful = Schema.transformOrFail(Schema.String, Schema.String, {
      decode: (value) => Effect.as(Effect.sleep(1), value),
      encode: (value) => Effect.as(Effect.sleep(1), value)
    })
    assert.include(text(Schema.Struct({ a: effectful }), { a: "x" }), "$.a: the schema is asynchronous or effectful")
    assert.include(issue(effectful, bytes("\"x\"")), "asynchronous or effectful")
    const thrower = Schema.transform(Schema.String, Schema.String, {
      decode: () => {
        throw new Error("no")
      },
      encode: () => {
        throw new Error("no")
      }
    })
    assert.match(text(thrower, "x"), /^\$: encoding it threw/)
    assert.match(issue(thrower, bytes("\"x\"")), /^\$: decoding it threw/)
  })

  it("keeps fields that are named __proto__, or refuses them", () => {
    const value: unknown = JSON.parse("{\"__proto__\":{\"polluted\":1},\"list\":[{\"__proto__\":2}]}")
    assert.isTrue(isDeepStrictEqual(roundTrip(Schema.Unknown, value), value))
    const record = Schema.Record({ key: Schema.String, value: Schema.Unknown })
    assert.match(text(record, JSON.parse("{\"__proto__\":1}")), /__proto__/)
    for (const spelt of ["__proto__", "\\u005f_proto__"]) {
      assert.match(issue(record, bytes(`{"${spelt}":{"polluted":1}}`)), /__proto__/)
    }
    assert.isTrue(isDeepStrictEqual(roundTrip(record, { constructor: 1, toString: "x" }), {
      constructor: 1,
      toString: "x"
    }))
  })

  it("gives no value for bytes that are not UTF-8 and JSON", () => {
    for (const payload of [Buffer.from([0x22, 0xff, 0x22]), new Uint8Array([0x22, 0xc3, 0x28, 0x22])]) {
      assert.strictEqual(issue(Schema.String, payload), "$: not UTF-8")
    }
    // A byte order mark is not JSON, whatever bytes encode it.
    for (const payload of [Buffer.from("\ufeff1"), Uint8Array.from(Buffer.from("\ufeff1"))]) {
      assert.strictEqual(issue(Schema.Unknown, payload), "$: not JSON")
    }
    for (const damaged of ["{", "[1,]", "\"a\nb\"", "NaN", "1 2", "'a'"]) {
      assert.strictEqual(issue(Schema.Unknown, bytes(damaged)), "$: not JSON")
    }
    for (const value of ["\ufffd", "\ufeff", "\ufeffa", "\ud800", "😀", "é"]) {
      assert.strictEqual(roundTrip(Schema.String, value), value)
      const payload = Either.getOrThrow(Codec.json(Schema.String).encode(value, context))
      assert.deepStrictEqual(
        Codec.json(Schema.String).decode(Uint8Array.from(payload), context),
        Codec.json(Schema.String).decode(Buffer.from(payload), context)
      )
    }
  })

  it("takes its identity from the schema", () => {
    assert.strictEqual(Codec.json(User).identity, Codec.json(User).identity)
    assert.notStrictEqual<unknown>(Codec.json(User).identity, Codec.json(Schema.String).identity)
  })

  it("reads recursive schemas that are defined later", () => {
    interface Node {
      readonly name: string
      readonly children: ReadonlyArray<Node>
    }
    const codec = Codec.json(Schema.suspend((): Schema.Schema<Node> => Node))
    const Node = Schema.Struct({
      name: Schema.String,
      children: Schema.Array(Schema.suspend((): Schema.Schema<Node> => Node))
    })
    const tree = { name: "a", children: [{ name: "b", children: [] }] }
    const payload = Either.getOrThrow(codec.encode(tree, context))
    assert.deepStrictEqual(Either.getOrThrow(codec.decode(payload, context)), tree)
    assert.isTrue(ParseResult.is(Node)(tree))
  })
})

const withoutUndefined = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(withoutUndefined)
  const copy = {}
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue
    Object.defineProperty(copy, name, {
      value: withoutUndefined(item),
      enumerable: true,
      configurable: true,
      writable: true
    })
  }
  return copy
}

describe("the counter codec", () => {
  it("writes the decimal text of a safe integer", () => {
    for (const value of [0, 1, -1, 42, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      const payload = Either.getOrThrow(Codec.counter.encode(value, context))
      assert.strictEqual(new TextDecoder().decode(payload), String(value))
      assert.strictEqual(Either.getOrThrow(Codec.counter.decode(payload, context)), value)
    }
  })

  it("reads nothing else", () => {
    for (const value of [1.5, NaN, Infinity, 2 ** 53, -(2 ** 53)]) {
      assert.isTrue(Either.isLeft(Codec.counter.encode(value, context)), String(value))
    }
    // Writing -0 as 0 would change it.
    assert.isTrue(Either.isLeft(Codec.counter.encode(-0, context)))
    for (
      const stored of ["", "-0", "01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "9007199254740992", "٣", "1\n", "-"]
    ) {
      assert.isTrue(Either.isLeft(Codec.counter.decode(bytes(stored), context)), stored)
    }
  })
})

describe("a custom codec", () => {
  const date = Codec.make<Date>({
    identity: "date",
    encode: (value) => bytes(value.toISOString()),
    decode: (payload) => {
      const value = new Date(new TextDecoder().decode(payload))
      if (Number.isNaN(value.getTime())) throw new Error("no date")
      return value
    }
  })

  it("may throw", () => {
    const payload = Either.getOrThrow(date.encode(new Date(5), context))
    assert.deepStrictEqual(Either.getOrThrow(date.decode(payload, context)), new Date(5))
    const unwritten = Either.flip(date.encode(new Date(NaN), context))
    assert.isTrue(Either.getOrThrow(unwritten).cause instanceof RangeError)
    assert.isTrue(Either.isLeft(date.decode(bytes("x"), context)))
  })

  it("is a codec like any other", () => {
    assert.isTrue(Codec.isCodec(date))
    assert.isFalse(Codec.isCodec({ encode: date.encode, decode: date.decode }))
    assert.strictEqual(date.identity, "date")
    const anonymous = () =>
      Codec.make<string>({ encode: bytes, decode: (payload) => new TextDecoder().decode(payload) })
    assert.notStrictEqual(anonymous().identity, anonymous().identity)
    assert.strictEqual(date.pipe((self) => self.identity), "date")
  })
})
