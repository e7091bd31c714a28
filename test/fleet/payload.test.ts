/** What a payload reveals: the codec that wrote it, and its value if no definition is needed to read it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Option, Schema } from "effect"
import { Codec } from "effect-redis-cache"
import { isDeepStrictEqual } from "node:util"
import { tell } from "../../src/internal/fleet/payload.js"

const key = "users:42"

const keys = { current: { id: "2026", key: new Uint8Array(32).fill(7) } }

const written = <A>(codec: Codec.Codec<A>, value: A): Uint8Array =>
  Either.getOrThrow(codec.encode(value, { key, maxSize: 1e9 }))

const told = <A>(codec: Codec.Codec<A>, value: A) => {
  const { codecs, value: found } = tell(written(codec, value), key)
  return [codecs.join("(") + ")".repeat(codecs.length - 1), Option.getOrElse(found, () => "untold")]
}

const json = Codec.json(Schema.Unknown)

const structural = Codec.structural<unknown>()

describe("a payload reveals", () => {
  it("JSON", () => {
    for (const value of [{ name: "Ada" }, [1, 2], "text", 10, true, null, undefined, "ß", ""]) {
      assert.deepStrictEqual(told(json, value), ["json", value])
    }
  })

  it("the structural form", () => {
    for (
      const value of [{ name: "Ada" }, [1, 2], "text", 10, 1000, true, null, undefined, new Map([["a", 1n]]), -0, 0]
    ) {
      assert.isTrue(isDeepStrictEqual(told(structural, value), ["structural", value]))
    }
  })

  it("that a single digit may be one of two numbers", () => {
    assert.deepStrictEqual(told(json, 7), ["json or structural", "untold"])
    assert.deepStrictEqual(told(structural, 0x37), ["json or structural", "untold"])
  })

  it("that it is compressed", () => {
    const long = { text: "a".repeat(5_000) }
    assert.deepStrictEqual(told(Codec.compressed(json), long), ["compressed(json)", long])
    assert.deepStrictEqual(told(Codec.compressed(structural), long), ["compressed(structural)", long])
    assert.deepStrictEqual(told(Codec.compressed(json), { a: 1 }), ["compressed(json)", { a: 1 }])
    assert.deepStrictEqual(told(Codec.compressed(Codec.encrypted(json, keys)), long), [
      "compressed(encrypted)",
      "untold"
    ])
  })

  it("that it is encrypted, and nothing more", () => {
    assert.deepStrictEqual(told(Codec.encrypted(json, keys), { name: "Ada" }), ["encrypted", "untold"])
    // The length of the id is a byte with which a zlib stream can begin.
    const misleading = { current: { id: "k".repeat(0x78), key: keys.current.key } }
    assert.deepStrictEqual(told(Codec.encrypted(json, misleading), { name: "Ada" }), ["encrypted", "untold"])
  })

  it("that it belongs to no codec of this library", () => {
    for (const bytes of [[0xc1], [0xff, 0xfe, 0x00], [1, 0x78, 0x9c, 1, 2, 3], [0xef, 0xbb, 0xbf, 0x31]]) {
      assert.deepStrictEqual(tell(Uint8Array.from(bytes), key), { codecs: ["bytes"], value: Option.none() })
    }
  })

  const anything = FastCheck.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true })

  it.effect.prop(
    "any value of the structural codec, or a single digit",
    [anything],
    ([value]) =>
      Effect.sync(() => {
        const encoded = structural.encode(value, { key, maxSize: 1e9 })
        if (Either.isLeft(encoded)) return
        const { codecs, value: found } = tell(encoded.right, key)
        if (codecs[0] === "json or structural") return assert.strictEqual(encoded.right.length, 1)
        assert.deepStrictEqual(codecs, ["structural"])
        assert.isTrue(isDeepStrictEqual(Option.getOrThrow(found), value))
      })
  )

  it.effect.prop(
    "any value written as JSON, or a single digit",
    [FastCheck.jsonValue()],
    ([value]) =>
      Effect.sync(() => {
        const text = JSON.stringify(value)
        const { codecs, value: found } = tell(new TextEncoder().encode(text), key)
        if (codecs[0] === "json or structural") return assert.strictEqual(text.length, 1)
        assert.deepStrictEqual(codecs, ["json"])
        assert.deepStrictEqual(Option.getOrThrow(found), JSON.parse(text))
      })
  )

  it.effect.prop(
    "something for any bytes at all, without throwing",
    [FastCheck.uint8Array({ maxLength: 64 })],
    ([bytes]) => Effect.sync(() => assert.isNotEmpty(tell(bytes, key).codecs))
  )
})
