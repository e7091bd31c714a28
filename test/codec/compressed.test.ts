import { assert, describe, it } from "@effect/vitest"
import { Either, Equal, Schema } from "effect"
import * as FastCheck from "fast-check"
import { deflateSync } from "node:zlib"
import * as Codec from "../../src/Codec.js"

const context = { key: "reports:1", maxSize: 100_000 }

const text = Codec.json(Schema.String)

const encode = <A>(codec: Codec.Codec<A>, value: A): Uint8Array => Either.getOrThrow(codec.encode(value, context))

describe("a compressed codec", () => {
  it("gives every value back, and is at most one byte longer than the payload", () => {
    const codec = Codec.compressed(text, { threshold: 0 })
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 300 }), FastCheck.nat(50), (value, times) => {
        const repeated = value.repeat(times)
        const payload = encode(codec, repeated)
        assert.isAtMost(payload.length, encode(text, repeated).length + 1)
        assert.strictEqual(Either.getOrThrow(codec.decode(payload, context)), repeated)
      }),
      { numRuns: 300 }
    )
  })

  it("compresses from the threshold on", () => {
    const codec = text.pipe(Codec.compressed())
    // Two quotes surround it.
    assert.strictEqual(encode(codec, "x".repeat(1_021)).length, 1_024)
    assert.isBelow(encode(codec, "x".repeat(1_022)).length, 50)
    assert.isBelow(encode(Codec.compressed(text, { threshold: 10 }), "x".repeat(1_000)).length, 50)
    assert.strictEqual(encode(Codec.compressed(text, { threshold: Infinity }), "x".repeat(5_000)).length, 5_003)
  })

  it("does not read more than maxSize", () => {
    const codec = Codec.compressed(text)
    const fits = encode(codec, "x".repeat(context.maxSize - 2))
    const longer = { ...context, maxSize: Infinity }
    const tooLong = Either.getOrThrow(codec.encode("x".repeat(context.maxSize - 1), longer))
    assert.isTrue(Either.isRight(codec.decode(fits, context)))
    assert.strictEqual(
      Either.getOrThrow(Either.flip(codec.decode(tooLong, context))).detail,
      "larger than maxValueSize once decompressed"
    )
    assert.isTrue(Either.isRight(codec.decode(tooLong, { ...context, maxSize: Infinity })))
    assert.isTrue(Either.isLeft(codec.decode(tooLong, { ...context, maxSize: 0 })))
  })

  it("does not write what could not be read back, however short it compresses", () => {
    const codec = Codec.compressed(text)
    assert.match(
      Either.getOrThrow(Either.flip(codec.encode("x".repeat(context.maxSize - 1), context))).detail,
      /^it takes 100001 bytes before compression, and maxValueSize is 100000$/
    )
  })

  it("stops decompressing at maxSize, without decompressing the rest", () => {
    const bomb = new Uint8Array([1, ...deflateSync(Buffer.alloc(64_000_000))])
    const time = (maxSize: number): number => {
      const started = performance.now()
      assert.isTrue(Either.isLeft(Codec.compressed(text).decode(bomb, { ...context, maxSize })))
      return performance.now() - started
    }
    assert.isBelow(time(1_000) * 4, time(63_999_999))
  })

  it("gives no value for damaged bytes", () => {
    const codec = Codec.compressed(text)
    const payload = encode(codec, "x".repeat(2_000))
    for (let i = 0; i < payload.length; i++) {
      const damaged = Uint8Array.from(payload)
      damaged[i] = (damaged[i] ?? 0) ^ 0x10
      const read = codec.decode(damaged, context)
      if (Either.isRight(read)) assert.strictEqual(read.right, "x".repeat(2_000))
    }
    const more = new Uint8Array([...payload, 0])
    const stream = deflateSync("\"x\"")
    for (const bytes of [new Uint8Array(), new Uint8Array([2, 1]), payload.subarray(0, -1), more, stream]) {
      assert.isTrue(Either.isLeft(codec.decode(bytes, context)))
    }
    assert.isTrue(Either.isRight(codec.decode(new Uint8Array([1, ...stream]), context)))
  })

  it("passes on what the inner codec refuses", () => {
    const codec = Codec.compressed(Codec.structural())
    assert.strictEqual(Either.getOrThrow(Either.flip(codec.encode({ a: () => 1 }, context))).path, "$.a")
  })

  it("rejects a threshold that makes no sense", () => {
    assert.throws(() => Codec.compressed(text, { threshold: NaN }), TypeError)
    assert.throws(() => Codec.compressed(text, { threshold: -1 }), TypeError)
  })

  it("derives its identity from its parts", () => {
    assert.isTrue(Equal.equals(Codec.compressed(text).identity, text.pipe(Codec.compressed()).identity))
    assert.isFalse(Equal.equals(Codec.compressed(text).identity, Codec.compressed(Codec.structural()).identity))
    assert.isFalse(Equal.equals(Codec.compressed(text).identity, text.identity))
  })
})
