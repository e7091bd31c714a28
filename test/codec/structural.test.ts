import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Data,
  Duration,
  Effect,
  Either,
  Equal,
  Exit,
  FiberId,
  HashMap,
  HashSet,
  Option,
  Redacted
} from "effect"
import * as FastCheck from "fast-check"
import { isDeepStrictEqual } from "node:util"
import * as Codec from "../../src/Codec.js"
import { build, causes, errors, exits, mixed, plain, same, structural } from "./trees.js"

const context = { key: "notes:1", maxSize: 10_000_000 }

const codec = Codec.structural()

const encode = (value: unknown): Uint8Array =>
  Either.getOrThrowWith(codec.encode(value, context), ({ detail, path }) => new Error(`${detail} (at ${path})`))

const decode = (payload: Uint8Array): unknown =>
  Either.getOrThrowWith(codec.decode(payload, context), ({ detail }) => new Error(detail))

const roundTrip = (value: unknown): unknown => decode(Uint8Array.from(encode(value)))

const refusal = (value: unknown): string =>
  Either.match(codec.encode(value, context), { onLeft: ({ path }) => path, onRight: () => "stored" })

const hidden = (value: object): object => Object.defineProperty(value, "hidden", { value: 1 })

const chain = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = wrap(value)
  return value
}

class Point {
  constructor(readonly x: number) {}
}

class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

describe("the structural codec", () => {
  it("gives plain values back equal, by isDeepStrictEqual", () => {
    FastCheck.assert(
      FastCheck.property(plain, (tree) => {
        const value = build(tree)
        const back = roundTrip(value)
        assert.isTrue(isDeepStrictEqual(back, value))
        // The writer changed nothing in place.
        assert.isTrue(isDeepStrictEqual(build(tree), value))
      }),
      { numRuns: 4_000 }
    )
  })

  it("gives Effect's values back equal, by Equal.equals", () => {
    FastCheck.assert(
      FastCheck.property(structural, (tree) => {
        assert.isTrue(Equal.equals(roundTrip(build(tree)), build(tree)))
      }),
      { numRuns: 2_000 }
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.oneof(causes, exits), (value) => {
        assert.isTrue(Equal.equals(roundTrip(value), value))
      }),
      { numRuns: 1_000 }
    )
  })

  it("gives the same bytes for a decoded value, however values are nested", () => {
    FastCheck.assert(
      FastCheck.property(mixed, (tree) => {
        const payload = encode(build(tree))
        assert.deepStrictEqual(encode(decode(payload)), payload)
      }),
      { numRuns: 2_000 }
    )
  })

  it("keeps the order of fields, members and entries", () => {
    const value = {
      object: { b: 1, a: 2, "1": 3, undefined },
      map: new Map([["b", 1], ["a", 2]]),
      set: new Set(["b", "a"]),
      odd: Object.defineProperty({ z: 1 }, "__proto__", { value: 1, enumerable: true })
    }
    const back = roundTrip(value) as typeof value
    assert.deepStrictEqual(Object.keys(back), Object.keys(value))
    assert.deepStrictEqual(Object.keys(back.object), ["1", "b", "a", "undefined"])
    assert.deepStrictEqual([...back.map.keys()], ["b", "a"])
    assert.deepStrictEqual([...back.set], ["b", "a"])
    assert.deepStrictEqual(Object.keys(back.odd), ["z", "__proto__"])
  })

  it("keeps these values", () => {
    const sparse: Array<unknown> = [1, undefined]
    sparse.length = 4_000_000_000
    const sparseWithEnd: Array<unknown> = []
    sparseWithEnd[30_000_000] = -0
    const sought = /a/g
    sought.lastIndex = 3
    const nullObject: { a?: number } = Object.create(null)
    nullObject.a = -0
    const values: ReadonlyArray<unknown> = [
      -0,
      [-0],
      { a: -0 },
      new Map([[-0, -0]]),
      NaN,
      [NaN, NaN, undefined],
      { a: NaN, b: undefined },
      1.1,
      1e300,
      5e-324,
      2 ** 53,
      undefined,
      "\ufeff".repeat(30),
      `\ufeff${"x".repeat(100)}`,
      "\ud800",
      { "\ud800": 1, "\ufeffa": 2 },
      `${"x".repeat(99)}\udc00`,
      2n ** 64n,
      -(2n ** 63n) - 1n,
      10n ** 5_000n,
      -(10n ** 5_000n),
      [undefined, 1],
      [new Uint8Array([0x4d])],
      [new Uint8Array([0x4d]), 1, 2],
      [new Uint8Array([0x75])],
      [Buffer.from("M"), []],
      [],
      {},
      sparse,
      sparseWithEnd,
      nullObject,
      Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
      new Map(Array.from({ length: 70_000 }, (_, i) => [i, { i }])),
      Array.from({ length: 70_000 }, (_, i) => i / 3),
      { constructor: "c", toJSON: 1, hasOwnProperty: 2, toString: 3, valueOf: 4, then: 5, length: 6 },
      JSON.parse("{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":1}}"),
      new Date(0),
      new Date(NaN),
      new Date(-1),
      new Date(-8.64e15),
      new Date(8.64e15),
      new Date(1_700_000_000_123),
      sought,
      /\u2028[/]\n/dsy,
      new URL("https://user:pass@example.com:8080/a%20b?c=d#e"),
      new Float32Array([1.1, NaN, -0]),
      new BigUint64Array([2n ** 64n - 1n]),
      new Uint8Array(new ArrayBuffer(8), 3, 2),
      Buffer.from("x".repeat(70_000)),
      Buffer.alloc(0),
      new Map<unknown, unknown>([[{ a: 1 }, new Set([new Map()])], [undefined, undefined]]),
      new Error("plain"),
      new Error(),
      new Error("", { cause: undefined }),
      new TypeError("type", { cause: { deep: [new RangeError("range")] } }),
      new AggregateError([new Error("a"), 2n], "many"),
      Object.assign(new Error("named"), { name: "Custom", code: "E_FAIL", at: new Date(5) }),
      Object.assign(new Error("odd"), { toString: 1, message: 2 }),
      Option.some(Option.none()),
      Either.left(Either.right(undefined)),
      Chunk.empty(),
      Chunk.make(1, "a", Option.some(-0)),
      Duration.zero,
      Duration.infinity,
      Duration.millis(1.5),
      Duration.micros(7n),
      Duration.days(10_000),
      HashMap.make([Data.struct({ a: 1 }), 1], [Data.tuple(1, 2), 2]),
      HashSet.make(Option.some(1), Option.none()),
      Data.struct({ a: Data.tuple(Data.struct({ b: 1 })) }),
      Exit.void,
      Exit.die("boom")
    ]
    values.forEach((value, i) => assert.isTrue(same(roundTrip(value), value), `value ${i}`))
  })

  it("keeps errors, with their causes and fields", () => {
    FastCheck.assert(
      FastCheck.property(errors, (error) => {
        const back = roundTrip({ error }) as { readonly error: Error }
        assert.isTrue(isDeepStrictEqual(back.error, error))
        assert.isTrue(isDeepStrictEqual(back.error.cause, error.cause))
        assert.deepStrictEqual(Object.keys(back.error), Object.keys(error))
        assert.isFalse(Object.prototype.propertyIsEnumerable.call(back.error, "message"))
        assert.notInclude(back.error.stack ?? "", "structural")
      })
    )
    const many = roundTrip(new AggregateError([new TypeError("a")])) as AggregateError
    assert.isTrue(many instanceof AggregateError && many.errors[0] instanceof TypeError)
  })

  it("gives values that share nothing with the bytes", () => {
    const source = new Uint8Array([1, 2, 3])
    const payload = encode({ source })
    const back = decode(payload) as { readonly source: Uint8Array }
    payload.fill(0)
    assert.deepStrictEqual(back.source, source)
    assert.strictEqual(back.source.buffer.byteLength, 3)
  })

  it("is small for plain data, and does not copy it", () => {
    const user = {
      id: 123456,
      name: "Ada Lovelace",
      email: "ada@example.com",
      roles: ["admin", "user"],
      active: true
    }
    assert.isBelow(encode(user).length, 80)
    assert.strictEqual(encode({ a: 1, b: "x" }).length, 8)
  })

  it("writes what docs/internals/structural-format.md specifies", () => {
    const examples: ReadonlyArray<readonly [unknown, string]> = [
      [{ id: 7 }, "81 a2 69 64 07"],
      [[undefined, 1n], "92 c4 01 75 d3 00 00 00 00 00 00 00 01"],
      [new Date(0), "c4 09 64 00 00 00 00 00 00 00 00"],
      [new Map([["a", -0]]), "93 c4 01 4d a1 61 c4 01 2d"],
      [new Uint16Array([1]), "c4 04 74 07 01 00"],
      [Option.some(1), "92 c4 01 4a 01"],
      ["\ud800a", "c4 05 73 d8 00 00 61"],
      [-(2n ** 64n), "c4 0b 62 01 01 00 00 00 00 00 00 00 00"],
      [Object.create(null), "91 c4 01 4e"],
      [Data.struct({ a: 1 }), "93 c4 01 53 a1 61 01"],
      [Data.tuple(1), "92 c4 01 54 01"],
      [[, 1], "94 c4 01 41 02 01 01"],
      [new Set([1]), "92 c4 01 45 01"],
      [/a/g, "94 c4 01 52 a1 61 a1 67 00"],
      [new URL("a:b"), "92 c4 01 55 a3 61 3a 62"],
      [new Error("m"), "95 c4 01 58 a5 45 72 72 6f 72 01 a7 6d 65 73 73 61 67 65 a1 6d"],
      [Either.left(1), "92 c4 01 4c 01"],
      [Either.right(1), "92 c4 01 47 01"],
      [Option.none(), "c4 01 6e"],
      [Chunk.make(1), "92 c4 01 43 01"],
      [HashMap.make(["a", 1]), "93 c4 01 48 a1 61 01"],
      [HashSet.make(1), "92 c4 01 49 01"],
      [Cause.empty, "92 c4 01 46 a5 45 6d 70 74 79"],
      [Exit.succeed(1), "93 c4 01 51 c3 01"],
      [FiberId.make(1, 2), "93 c4 01 42 01 02"],
      [FiberId.none, "91 c4 01 42"],
      [Duration.millis(1), "c4 09 6d 3f f0 00 00 00 00 00 00"],
      [Duration.nanos(1n), "c4 03 6a 00 01"],
      [Duration.infinity, "c4 01 6d"],
      [Buffer.from([1]), "c4 03 74 02 01"],
      [new BigUint64Array([1n]), "c4 0a 74 0d 01 00 00 00 00 00 00 00"]
    ]
    for (const [value, written] of examples) {
      assert.strictEqual(Buffer.from(encode(value)).toString("hex"), written.replaceAll(" ", ""))
      assert.isTrue(same(decode(Buffer.from(written.replaceAll(" ", ""), "hex")), value))
    }
  })

  it("carries nothing over from one call to the next", () => {
    const first = encode([{ a: 1 }, { a: 2 }])
    for (let i = 0; i < 100; i++) encode(Array.from({ length: 50 }, (_, n) => ({ [`f${n}`]: i })))
    assert.deepStrictEqual(encode([{ a: 1 }, { a: 2 }]), first)
    assert.deepStrictEqual(decode(first), [{ a: 1 }, { a: 2 }])
  })

  it("refuses what it cannot keep, with the path", () => {
    const refused: ReadonlyArray<unknown> = [
      () => 1,
      Symbol("s"),
      new Point(1),
      new NotFound({ id: 1 }),
      new (class MyError extends Error {})("x"),
      new (class MyMap extends Map {})(),
      new (class MyArray extends Array {})(),
      new (class MyDate extends Date {})(),
      new (class extends Data.Class<{ readonly a: number }> {})({ a: 1 }),
      Object.create({ a: 1 }),
      Object.create(Date.prototype),
      Object.create(RegExp.prototype),
      Object.create(Map.prototype),
      Object.create(Set.prototype),
      Object.create(ArrayBuffer.prototype),
      Object.create(Uint8Array.prototype),
      Object.create(URL.prototype),
      new Number(1),
      new String("a"),
      new Boolean(true),
      Object(1n),
      Object(Symbol("s")),
      Promise.resolve(1),
      new WeakMap(),
      new WeakSet(),
      new WeakRef({}),
      new SharedArrayBuffer(1),
      (function*() {})(),
      [1].values(),
      (function() {
        return arguments
      })(),
      {
        get a() {
          return 1
        }
      },
      { set a(_: number) {} },
      hidden({}),
      hidden(new Date()),
      hidden(new Map()),
      { [Symbol("s")]: 1 },
      Object.assign([1, 2], { a: 1 }),
      Object.assign([, 1], { a: 1 }),
      Object.assign([1], { [Symbol("s")]: 1 }),
      Object.assign(new Set(), { a: 1 }),
      Object.assign(/a/, { a: 1 }),
      Object.assign(new URL("http://a"), { a: 1 }),
      Effect.sync(() => 1),
      Redacted.make("secret"),
      Math,
      new Proxy({}, {
        ownKeys: () => {
          throw new Error("no")
        }
      })
    ]
    for (const [i, value] of refused.entries()) {
      assert.match(refusal(value), /^\$/, `value ${i}`)
      assert.match(refusal({ list: [1, -0, value] }), /^\$\.list\[2\]/)
      assert.match(refusal(new Map([["k", [value]]])), /^\$\.values\(\)\[0\]\[0\]/)
      assert.match(refusal(new Map([[{ k: value }, 1]])), /^\$\.keys\(\)\[0\]\.k/)
      assert.match(refusal(Option.some(Chunk.make({ "a b": value }))), /^\$\.value\[0\]\["a b"\]/)
      assert.match(refusal(Exit.fail([value])), /^\$\.cause\.error\[0\]/)
      assert.match(refusal([, value]), /^\$\[1\]/)
    }
    assert.strictEqual(refusal({ tags: [0, 1, 2, { name: () => 1 }] }), "$.tags[3].name")
    assert.strictEqual(
      refusal({
        a: {
          get b() {
            return 1
          }
        }
      }),
      "$.a.b"
    ) // dprint-ignore
    assert.strictEqual(refusal(new Error("x", { cause: [() => 1] })), "$.cause[0]")
    assert.strictEqual(refusal(Cause.parallel(Cause.empty, Cause.die(() => 1))), "$.right.defect")
  })

  it("names the path anywhere in a plain value", () => {
    const parent = FastCheck.array(FastCheck.oneof(FastCheck.nat(3), FastCheck.constantFrom("a", "b_c")), {
      maxLength: 8
    })
    FastCheck.assert(
      FastCheck.property(parent, plain, (steps, tree) => {
        const value = steps.reduceRight<unknown>(
          (inner, step) =>
            typeof step === "number" ? [...Array.from({ length: step }, () => build(tree)), inner] : {
              before: build(tree),
              [step]: inner
            },
          () => 1
        )
        const path = steps.map((step) => typeof step === "number" ? `[${step}]` : `.${step}`).join("")
        assert.strictEqual(refusal(value), `$${path}`)
      }),
      { numRuns: 300 }
    )
  })

  it("refuses cycles, with the path to where they close", () => {
    const object: { a: { b: Array<unknown> } } = { a: { b: [] } }
    object.a.b.push(1, object)
    assert.strictEqual(refusal({ object }), "$.object.a.b[1]")
    const set = new Set<unknown>()
    set.add([set])
    assert.strictEqual(refusal(set), "$[0][0]")
    const error = new Error("x")
    error.cause = error
    assert.strictEqual(refusal(error), "$.cause")
  })

  it("bounds depth and size in both directions, and does not hang", () => {
    const wraps: ReadonlyArray<(inner: unknown) => unknown> = [
      (inner) => [inner],
      (inner) => ({ a: inner }),
      (inner) => new Map([[1, inner]]),
      (inner) => new Set([inner]),
      (inner) => Option.some(inner),
      (inner) => new Error("x", { cause: inner })
    ]
    for (const wrap of wraps) {
      const deepest = encode(chain(1_000, wrap))
      assert.deepStrictEqual(encode(decode(deepest)), deepest)
      assert.match(refusal(chain(1_001, wrap)), /^\$./)
    }
    for (const byte of [0x91, 0x81]) {
      assert.isTrue(Either.isLeft(codec.decode(new Uint8Array(100_000).fill(byte), context)))
    }
    const bomb = chain(100, (inner) => [inner, inner])
    assert.isTrue(Either.isLeft(codec.encode(bomb, { key: "k", maxSize: 100_000 })))
  })

  it("decodes a part that occurs twice as two separate parts", () => {
    const shared = { a: 1 }
    const back = roundTrip([shared, shared]) as ReadonlyArray<unknown>
    assert.deepStrictEqual(back, [shared, shared])
    assert.notStrictEqual(back[0], back[1])
  })

  it("has one identity", () => {
    assert.strictEqual(Codec.structural<string>().identity, Codec.structural<number>().identity)
  })
})

describe("a payload that the structural codec did not write", () => {
  const bytes = (...values: ReadonlyArray<number | string>): Uint8Array =>
    Uint8Array.from(values.flatMap((value) => typeof value === "number" ? [value] : [...Buffer.from(value)]))

  it("is refused, whatever msgpackr would decode it to", () => {
    const payloads: Record<string, Uint8Array> = {
      nothing: bytes(),
      "bytes after the value": bytes(1, 1),
      "an end that is too early": bytes(0x92, 1),
      "msgpackr's undefined": bytes(0xd4, 0, 0),
      "msgpackr's record": bytes(0xd4, 0x72, 0x40, 0x91, 0xa1, "a", 1),
      "msgpackr's error": bytes(0xd4, 0x65, 0, 0x93, 0xa1, "E", 0xa1, "m", 0xc0),
      "msgpackr's RegExp": bytes(0xd4, 0x78, 0, 0x92, 0xa1, "a", 0xa0),
      "msgpackr's Set": bytes(0xd4, 0x73, 0, 0x90),
      "msgpackr's reference": bytes(0xd6, 0x70, 0, 0, 0, 1),
      "msgpackr's cycle": bytes(0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1),
      "msgpackr's bundle": bytes(0xd6, 0x62, 0, 0, 0, 5, 0xc1, 1, 0xa0, 0xa0),
      "a timestamp": bytes(0xd6, 0xff, 0, 0, 0, 1),
      "the byte that is never used": bytes(0xc1),
      "a single-precision float": bytes(0xca, 0, 0, 0, 0),
      "a field named __proto__": bytes(0x81, 0xa9, "__proto__", 0x80),
      "a field named __proto__, in a long form": bytes(0x81, 0xdb, 0, 0, 0, 9, "__proto__", 0x80),
      "a field whose name is a number": bytes(0x81, 1, 1),
      "an array of four thousand million": bytes(0xdd, 0xff, 0xff, 0xff, 0xff, 1),
      "an object of four thousand million": bytes(0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, "a", 1),
      "text of four thousand million": bytes(0xdb, 0xff, 0xff, 0xff, 0xff, "a"),
      "text that is not UTF-8": bytes(0xa2, 0xc3, 0x28),
      "long text that is not UTF-8": bytes(0xd9, 100, "x".repeat(99), 0xff),
      "an unknown leaf": bytes(0xc4, 1, 0x00),
      "an empty leaf": bytes(0xc4, 0),
      "a short date": bytes(0xc4, 2, 0x64, 0),
      "an unknown kind of bytes": bytes(0xc4, 2, 0x74, 99),
      "half an element": bytes(0xc4, 3, 0x74, 6, 0),
      "a Map with half an entry": bytes(0x92, 0xc4, 1, 0x4d, 1),
      "an invalid RegExp": bytes(0x94, 0xc4, 1, 0x52, 0xa1, "(", 0xa0, 0),
      "an invalid URL": bytes(0x92, 0xc4, 1, 0x55, 0xa1, "/"),
      "an error of another class": bytes(0x94, 0xc4, 1, 0x58, 0xa6, "Object", 0, 0),
      "an inherited error class": bytes(0x93, 0xc4, 1, 0x58, 0xab, "constructor", 0),
      "an Exit of no Cause": bytes(0x93, 0xc4, 1, 0x51, 0xc2, 1),
      "a Cause of nothing": bytes(0x92, 0xc4, 1, 0x46, 0xa8, "Parallel"),
      "an element outside its array": bytes(0x94, 0xc4, 1, 0x41, 1, 1, 1)
    }
    for (const [name, payload] of Object.entries(payloads)) {
      assert.isTrue(Either.isLeft(codec.decode(payload, context)), name)
    }
  })

  it("takes no more memory than its bytes justify", () => {
    const before = process.memoryUsage().heapUsed + process.memoryUsage().external
    const kept: Array<unknown> = []
    // Arrays that claim to be long, with nothing in them.
    for (const length of [1_000_000, 30_000_000, 4_294_967_295]) {
      const claim = Buffer.alloc(4)
      claim.writeUInt32BE(length)
      kept.push(decode(bytes(0x92, 0xc4, 1, 0x41, 0xce, ...claim)))
    }
    assert.deepStrictEqual(kept.map((array) => (array as ReadonlyArray<unknown>).length), [
      1_000_000,
      30_000_000,
      4_294_967_295
    ])
    const after = process.memoryUsage().heapUsed + process.memoryUsage().external
    assert.isBelow(after - before, 5_000_000)
  })

  it("sets data, never a prototype", () => {
    const payload = bytes(0x93, 0xc4, 1, 0x4f, 0xa9, "__proto__", 0x81, 0xa1, "x", 1)
    const back = decode(payload) as Record<string, unknown>
    assert.deepStrictEqual(Object.keys(back), ["__proto__"])
    assert.strictEqual(Object.getPrototypeOf(back), Object.prototype)
    assert.isUndefined(back["x"])
  })
})
