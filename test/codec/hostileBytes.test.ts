import { assert, describe, it } from "@effect/vitest"
import { Chunk, Data, Duration, Either, Exit, HashMap, Option, Schema } from "effect"
import * as Codec from "../../src/Codec.js"

const context = { key: "k", maxSize: 100_000 }

/** Inflating takes longer than all the rest. */
const roundsOf = (codec: string): number => codec === "compressed" ? 30_000 : 100_000

/** A generator of our own: fast-check would take longer than all the code under test. */
const random = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const values: ReadonlyArray<unknown> = [
  { id: 123456, name: "Ada Lovelace", email: "ada@example.com", roles: ["admin", "user"], active: true },
  [1, -1, 1.5, 300, 70_000, 2 ** 40, null, true, "é😀", "x".repeat(300)],
  [undefined, -0, 1n, 2n ** 70n, "\ud800", new Date(0), [, 1], Object.create(null)],
  new Map<unknown, unknown>([["a", new Set([1])], [{ b: 1 }, /a(b)/g]]),
  JSON.parse("{\"__proto__\":{\"polluted\":1},\"constructor\":{\"prototype\":{\"polluted\":1}}}"),
  [new Uint8Array([1, 2]), Buffer.from("ab"), new Float64Array([1]), new ArrayBuffer(3), new URL("http://a/b")],
  new AggregateError([Object.assign(new TypeError("a", { cause: 1 }), { code: "E" })], "b"),
  [Option.some(1), Either.left(Option.none()), Chunk.make(1, 2), Duration.seconds(1), Duration.nanos(5n)],
  [HashMap.make(["a", 1]), Data.struct({ a: Data.tuple(1) }), Exit.fail("x"), Exit.die(new Error("y"))]
]

const User = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  email: Schema.String,
  roles: Schema.Array(Schema.String),
  active: Schema.Boolean
})

const structural = Codec.structural()

const keys = { current: { id: "k", key: new Uint8Array(32) } }

const codecs: Record<string, { readonly codec: Codec.Codec<never>; readonly samples: ReadonlyArray<Uint8Array> }> = {}

const add = <A>(name: string, codec: Codec.Codec<A>, samples: ReadonlyArray<A>): void => {
  codecs[name] = {
    codec: codec as unknown as Codec.Codec<never>, // only read with here
    samples: samples.map((value) => Either.getOrThrow(codec.encode(value, context)))
  }
}

add("structural", structural, values)
add("json", Codec.json(Schema.Unknown), [values[0], values[4], [1, -0, "é\ufffd", null, { a: { b: [] } }]])
add("json with a schema", Codec.json(User), [values[0] as typeof User.Type])
add("json of a record", Codec.json(Schema.Record({ key: Schema.String, value: Schema.Unknown })), [{ a: { b: 1 } }])
add("counter", Codec.counter, [0, 42, -7, Number.MAX_SAFE_INTEGER])
add("compressed", Codec.compressed(structural, { threshold: 0 }), values)
add("encrypted", Codec.encrypted(structural, keys), values)

const ours = new Set<unknown>([Object.prototype, Array.prototype, Map.prototype, Set.prototype, null])

/** Whether every plain object in it has a prototype that comes from JavaScript or Effect. */
const untouched = (value: unknown, depth = 0): boolean => {
  if (typeof value !== "object" || value === null || depth > 20) return true
  if ("polluted" in value && !Object.hasOwn(value, "polluted")) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!ours.has(prototype)) {
    // The prototype of a class or of an Effect type: neither is built from the data.
    return typeof prototype === "object" && prototype !== null && Reflect.ownKeys(prototype).length > 0
  }
  return Object.values(value).every((item) => untouched(item, depth + 1))
}

const prototypes = [Object, Array, Function, String, Number, Map, Set, Date, Error, RegExp, Uint8Array, Promise].map((
  { prototype }
): object => prototype)

const shapes = (): string =>
  JSON.stringify(prototypes.map((prototype) => [
    Reflect.ownKeys(prototype).map(String),
    prototypes.indexOf(Object.getPrototypeOf(prototype))
  ]))

describe("bytes that no codec wrote", () => {
  for (const [name, { codec, samples }] of Object.entries(codecs)) {
    it(`are a value or an issue to the codec: ${name}`, () => {
      const before = shapes()
      const rounds = roundsOf(name)
      const next = random(name.length)
      let read = 0
      let slowest = 0
      for (let round = 0; round < rounds; round++) {
        const sample = samples[next(samples.length)] ?? new Uint8Array()
        let bytes: Uint8Array
        if (round % 4 === 0) bytes = Uint8Array.from({ length: next(40) }, () => next(256))
        else {
          bytes = Uint8Array.from(sample)
          for (let changes = 1 + next(3); changes > 0 && bytes.length > 0; changes--) {
            const at = next(bytes.length)
            switch (next(5)) {
              case 0:
                bytes[at] = next(256)
                break
              case 1:
                bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8))
                break
              case 2:
                bytes = bytes.subarray(0, at)
                break
              case 3:
                // Tokens that claim large lengths.
                bytes[at] = 0xc0 + next(0x20)
                break
              case 4:
                bytes.copyWithin(at, next(bytes.length), next(bytes.length))
                break
            }
          }
        }
        const started = performance.now()
        const decoded: Either.Either<unknown, Codec.CodecIssue> = codec.decode(
          round % 2 === 0 ? Buffer.from(bytes) : Uint8Array.from(bytes),
          context
        )
        slowest = Math.max(slowest, performance.now() - started)
        if (Either.isLeft(decoded)) {
          // One assertion for all: one each would take most of the time.
          const { detail, path } = decoded.left
          if (!path.startsWith("$") || detail === "") assert.fail(`an issue without words: ${path} ${detail}`)
        } else {
          read++
          if (!untouched(decoded.right)) assert.fail(`a prototype from ${Buffer.from(bytes).toString("hex")}`)
        }
      }
      assert.strictEqual(shapes(), before)
      // Some must decode, or these bytes would not test reading; encryption lets none through.
      if (name !== "encrypted") assert.isAbove(read, 100)
      assert.isBelow(slowest, 5_000)
    }, 60_000)
  }
})
