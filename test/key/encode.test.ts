import { assert, describe, it } from "@effect/vitest"
import {
  BigDecimal,
  Chunk,
  Context,
  Data,
  DateTime,
  Duration,
  Effect,
  Either,
  Equal,
  Exit,
  HashMap,
  HashSet,
  Layer,
  List,
  Option,
  Order,
  PrimaryKey,
  Redacted,
  SortedSet,
  Stream
} from "effect"
import * as FastCheck from "fast-check"
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import * as key from "../../src/internal/key/encode.js"
import { build, mixed, plain, structural } from "../codec/trees.js"

const encode = (value: unknown): string => Either.getOrThrowWith(key.encode(value), (issue) => new Error(issue.detail))

const pathOf = (value: unknown): string =>
  Either.match(key.encode(value), { onLeft: ({ path }) => path, onRight: (text) => `stored as ${text}` })

const detailOf = (value: unknown): string =>
  Either.match(key.encode(value), { onLeft: ({ detail }) => detail, onRight: (text) => `stored as ${text}` })

class Point extends Data.Class<{ readonly x: number; readonly y: number }> {}

class Tagged extends Data.TaggedClass("Tagged")<{ readonly a: number }> {}

class Unit extends Data.Class {}

class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

class User {
  readonly #secret = Math.random()
  constructor(readonly id: string) {}
  [PrimaryKey.symbol]() {
    return this.#secret > 2 ? "" : this.id
  }
}

describe("a string key", () => {
  it("is stored as it is, except for braces", () => {
    const stored = (text: string) => Either.getOrThrow(key.encodeString(text))
    for (const text of ["42", "", "users:100%", "a%7b", "%2", "ключ", "😀", "50% 7B"]) {
      assert.strictEqual(stored(text), text)
    }
    assert.strictEqual(stored("{tag}:1"), "%7Btag%7D:1")
    assert.strictEqual(stored("%7Btag%7D"), "%257Btag%257D")
    assert.strictEqual(stored("%25"), "%2525")
  })

  it("is recovered from its stored form", () => {
    const tricky = FastCheck.oneof(
      FastCheck.string({ unit: FastCheck.constantFrom("%", "{", "}", "7", "2", "5", "B", "D", "a") }),
      FastCheck.string({ unit: "binary" })
    )
    FastCheck.assert(
      FastCheck.property(tricky, (text) => {
        const stored = Either.getOrThrow(key.encodeString(text))
        assert.notMatch(stored, /[{}]/)
        assert.strictEqual(key.decodeString(stored), text)
      }),
      { numRuns: 5_000 }
    )
  })

  it("is refused if UTF-8 would merge it with another", () => {
    for (const text of ["\ud800", "a\udc00b", "{\ud83d}"]) assert.isTrue(Either.isLeft(key.encodeString(text)))
  })
})

describe("a structured key", () => {
  it("is readable", () => {
    assert.strictEqual(encode([42]), "[42]")
    assert.strictEqual(encode(["foo"]), "[\"foo\"]")
    assert.strictEqual(encode([{ b: [true, null], a: 1 }]), "[(\"a\":1,\"b\":[true,null])]")
    assert.strictEqual(encode([1n, undefined, NaN, -0]), "[1n,undefined,NaN,-0]")
    assert.strictEqual(encode([new Date(0)]), "[Date(1970-01-01T00:00:00.000Z)]")
    assert.strictEqual(encode(new Map([["b", 2], ["a", 1]])), "Map(\"a\"=>1,\"b\"=>2)")
    assert.strictEqual(encode(Option.some(Duration.seconds(2))), "Some(Duration(2000ms))")
    assert.strictEqual(encode(new Point({ x: 1, y: 2 })), "new Point(\"x\":1,\"y\":2)")
    assert.strictEqual(encode(new User("7")), "PrimaryKey(\"7\")")
  })

  it("is equal for equal values, whatever the order of fields, members and entries", () => {
    FastCheck.assert(
      FastCheck.property(mixed, (tree) => {
        assert.strictEqual(encode(build(tree)), encode(build(tree, true)))
      }),
      { numRuns: 3_000 }
    )
  })

  it("differs for plain values that differ", () => {
    const small = FastCheck.anything({
      key: FastCheck.constantFrom("a", "b", "__proto__", "a\":1,\"b"),
      values: [
        FastCheck.constantFrom<unknown>(
          0,
          -0,
          1,
          "1",
          "",
          "a",
          ",",
          "]",
          null,
          undefined,
          true,
          "true",
          NaN,
          1n,
          "\ud800"
        )
      ],
      maxDepth: 2,
      maxKeys: 2,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: false
    })
    FastCheck.assert(
      FastCheck.property(small, small, (a, b) => {
        assert.strictEqual(encode(a) === encode(b), isDeepStrictEqual(a, b))
      }),
      { numRuns: 20_000 }
    )
  })

  it("differs for any values that differ", () => {
    FastCheck.assert(
      FastCheck.property(plain, plain, (a, b) => {
        const [one, other] = [build(a), build(b)]
        assert.strictEqual(encode(one) === encode(other), isDeepStrictEqual(one, other))
      }),
      { numRuns: 3_000 }
    )
    FastCheck.assert(
      FastCheck.property(structural, structural, (a, b) => {
        const [one, other] = [build(a), build(b)]
        assert.strictEqual(encode(one) === encode(other), Equal.equals(one, other))
      }),
      { numRuns: 3_000 }
    )
  })

  it("differs for each of these", () => {
    const holes: Array<unknown> = []
    holes.length = 2
    const longHoles: Array<unknown> = []
    longHoles.length = 4_000_000_000
    const values: ReadonlyArray<unknown> = [
      1,
      "1",
      1n,
      "1n",
      true,
      "true",
      null,
      "null",
      undefined,
      "undefined",
      NaN,
      "NaN",
      0,
      -0,
      "-0",
      Infinity,
      -Infinity,
      "",
      [],
      {},
      [[]],
      [""],
      ["a", "b"],
      ["a:b"],
      ["a,b"],
      ["a\",\"b"],
      "a\",\"b",
      [undefined],
      [null],
      holes,
      longHoles,
      [undefined, undefined],
      ["holes*2"],
      { a: 1 },
      { a: undefined },
      { a: null },
      { a: "1" },
      { a: { b: 1 } },
      { a: 1, b: undefined },
      { "a\":1,\"b": 1 },
      JSON.parse("{\"__proto__\":1}"),
      Object.create(null),
      Data.struct({ a: 1 }),
      Data.tuple("a", "b"),
      Data.tuple(),
      new Date(0),
      new Date(1),
      new Date(NaN),
      "1970-01-01T00:00:00.000Z",
      "Date(NaN)",
      new Uint8Array(),
      new Uint8Array([1]),
      new Uint8ClampedArray([1]),
      new Int8Array([1]),
      Buffer.from([1]),
      new Uint16Array([1]),
      new Float32Array([1]),
      new Float64Array([1]),
      new Float64Array([0]),
      new Float64Array([-0]),
      new BigInt64Array([1n]),
      new BigUint64Array([1n]),
      new Uint8Array([1]).buffer,
      new DataView(new Uint8Array([1]).buffer),
      "01",
      Option.none(),
      Option.some(1),
      Option.some(undefined),
      Option.some(Option.none()),
      { _id: "Option", _tag: "None" },
      Either.left(1),
      Either.right(1),
      Duration.millis(1),
      Duration.nanos(1n),
      Duration.infinity,
      Duration.zero,
      Chunk.empty(),
      Chunk.make(1),
      List.make(1),
      HashMap.empty(),
      HashMap.make(["a", 1]),
      HashSet.empty(),
      HashSet.make("a"),
      SortedSet.fromIterable(["a"], Order.string),
      DateTime.unsafeMake(0),
      DateTime.unsafeMakeZoned(0, { timeZone: "Europe/Berlin" }),
      DateTime.unsafeMakeZoned(0, { timeZone: 0 }),
      BigDecimal.unsafeFromString("1"),
      new Map(),
      new Map<unknown, unknown>([["a", 1]]),
      new Map<unknown, unknown>([["a", [1]]]),
      new Map<unknown, unknown>([[["a"], 1]]),
      new Set(),
      new Set(["a"]),
      new Set([["a", 1]]),
      new Set([{ a: 1 }]),
      new Set([{ a: 1 }, { a: 1 }]),
      /a/,
      /a/g,
      new RegExp("/"),
      new URL("http://a/"),
      "http://a/",
      new Point({ x: 1, y: 2 }),
      { x: 1, y: 2 },
      new Tagged({ a: 1 }),
      { _tag: "Tagged", a: 1 },
      new Unit(),
      new User("1"),
      new User("2"),
      new NotFound({ id: 1 }),
      new NotFound({ id: 2 }),
      new Error("a"),
      new Error("b"),
      new TypeError("a"),
      new Error("a", { cause: 1 }),
      "\ud800",
      "\udbff",
      "\ufffd",
      "\\ud800",
      "{",
      "\\u007b",
      "x".repeat(500),
      "x".repeat(501),
      `${"x".repeat(500)}y`
    ]
    for (const wrap of [(value: unknown) => value, (value: unknown) => [value], (value: unknown) => ({ value })]) {
      const seen = new Set<string>()
      for (const value of values) {
        const written = encode(wrap(value))
        assert.isFalse(seen.has(written), `${written} is shared`)
        assert.notMatch(written, /[{}]/)
        seen.add(written)
      }
    }
  })

  it("is the same for equal values that were built in different ways", () => {
    assert.strictEqual(encode(HashMap.make(["a", 1], ["b", 2])), encode(HashMap.make(["b", 2], ["a", 1])))
    assert.strictEqual(
      encode(SortedSet.fromIterable([1, 2, 3], Order.number)),
      encode(SortedSet.fromIterable([3, 1, 2], Order.number))
    )
    assert.strictEqual(encode(Chunk.appendAll(Chunk.make(1), Chunk.make(2))), encode(Chunk.make(1, 2)))
    assert.strictEqual(encode(BigDecimal.unsafeFromString("1.50")), encode(BigDecimal.unsafeFromString("1.5")))
    assert.strictEqual(encode(new Tagged({ a: 1 })), encode(new Tagged({ a: 1 })))
    assert.strictEqual(encode(new User("1")), encode({ [PrimaryKey.symbol]: () => "1" }))
    const utc = DateTime.unsafeMake(5)
    const before = encode(utc)
    DateTime.toPartsUtc(utc)
    assert.strictEqual(encode(utc), before)
    const struct = Data.struct({ a: Data.struct({ b: 1 }) })
    const unhashed = encode(struct)
    HashSet.make(struct)
    assert.strictEqual(encode(struct), unhashed)
  })

  it("ends in a SHA-256 if it would be too long", () => {
    const long = ["x".repeat(37) + "😀" + "y".repeat(200), { a: 1 }]
    const whole = `[${JSON.stringify(long[0])},("a":1)]`
    const written = encode(long)
    assert.strictEqual(written, `["${"x".repeat(37)}#sha256-${createHash("sha256").update(whole).digest("hex")}`)
    assert.strictEqual(encode("x".repeat(118)).length, 120)
    assert.isBelow(encode("x".repeat(119)).length, 120)
    // A short key that looks like a long one is quoted.
    assert.notStrictEqual(encode(written), written)
    assert.isTrue(encode(written.slice(0, 100)).endsWith("\""))
  })
})

describe("a key that cannot be stored", () => {
  it("is refused with the path to what is wrong", () => {
    const refused: ReadonlyArray<readonly [unknown, string]> = [
      [[() => 1], "$[0]"],
      [[{ a: Symbol("s") }], "$[0].a"],
      [{ tags: [1, 2, 3, { name: () => 1 }] }, "$.tags[3].name"],
      [{ "a b": [Symbol("s")] }, "$[\"a b\"][0]"],
      [{ a: { [Symbol("s")]: 1 } }, "$.a[Symbol(s)]"],
      [[Promise.resolve(1)], "$[0]"],
      [[{ then: () => 1 }], "$[0].then"],
      [[new WeakMap()], "$[0]"],
      [[new WeakSet()], "$[0]"],
      [[new WeakRef({})], "$[0]"],
      [[[1].values()], "$[0]"],
      [[(function*() {})()], "$[0]"],
      [[new (class Nothing {})()], "$[0]"],
      [[
        new (class {
          readonly a = 1
        })()
      ], "$[0]"],
      [[
        new (class More extends Map {
          readonly a = 1
        })()
      ], "$[0]"],
      [[new (class More extends Array {})()], "$[0]"],
      [[Object.create({ a: 1 })], "$[0]"],
      [[Object.create(Date.prototype)], "$[0]"],
      [[Object.create(Map.prototype)], "$[0]"],
      [[new Number(1)], "$[0]"],
      [[new String("a")], "$[0]"],
      [[Effect.succeed(1)], "$[0]"],
      [[Effect.sync(() => 1)], "$[0]"],
      [[Exit.succeed(1)], "$[0]"],
      [[Layer.empty], "$[0]"],
      [[Context.empty()], "$[0]"],
      [[Redacted.make("secret")], "$[0]"],
      [[Object.assign([1], { a: 1 })], "$[0].a"],
      [[Object.assign(new Date(0), { a: 1 })], "$[0].a"],
      [[Object.defineProperty({}, "hidden", { value: 1 })], "$[0]"],
      [[new Map([[{ a: () => 1 }, 1]])], "$[0].keys()[0].a"],
      [[new Map([["a", () => 1]])], "$[0].values()[0]"],
      [[Option.some(() => 1)], "$[0].value"],
      [[new SharedArrayBuffer(1)], "$[0]"],
      [[new URLSearchParams("a=1")], "$[0]"],
      [[Math], "$[0]"],
      [[{ [PrimaryKey.symbol]: () => 1 }], "$[0]"]
    ]
    for (const [value, path] of refused) assert.strictEqual(pathOf(value), path)
    for (const value of [Stream.make(1), globalThis]) assert.match(pathOf([value]), /^\$\[0\]/)
    assert.notInclude(detailOf([Redacted.make("hunter2")]), "hunter2")
  })

  it("is refused if reading it throws", () => {
    const thrower = {
      get a() {
        throw new Error("no")
      }
    }
    assert.strictEqual(pathOf([thrower]), "$[0].a")
    const proxy = new Proxy({}, {
      getPrototypeOf: () => {
        throw new Error("no")
      }
    })
    assert.strictEqual(pathOf([{ a: proxy }]), "$[0].a")
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    assert.strictEqual(pathOf([revoked.proxy]), "$[0]")
  })

  it("is refused if it has a cycle, with the path to where it closes", () => {
    const cycle: { a: { b: Array<unknown> } } = { a: { b: [] } }
    cycle.a.b.push(1, cycle)
    assert.strictEqual(pathOf([cycle]), "$[0].a.b[1]")
    assert.strictEqual(detailOf([cycle]), "a cycle: pass the option `key`")
    const map = new Map<string, unknown>()
    map.set("self", map)
    assert.strictEqual(pathOf(map), "$.values()[0]")
  })

  it("is refused if it is too deep or too large, and does not hang", () => {
    const nest = (levels: number) => {
      let value: unknown = 1
      for (let i = 0; i < levels; i++) value = [value]
      return value
    }
    assert.isTrue(Either.isRight(key.encode(nest(1_000))))
    assert.match(detailOf(nest(1_001)), /levels deep/)
    assert.match(detailOf(nest(100_000)), /levels deep/)
    let bomb: unknown = 1
    for (let i = 0; i < 100; i++) bomb = [bomb, bomb]
    assert.match(detailOf(bomb), /too large/)
  })
})
