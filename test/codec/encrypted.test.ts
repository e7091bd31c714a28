import { assert, describe, it } from "@effect/vitest"
import { Either, Equal, Redacted, Schema } from "effect"
import * as FastCheck from "fast-check"
import { createDecipheriv } from "node:crypto"
import { inspect } from "node:util"
import * as Codec from "../../src/Codec.js"

const context = { key: "tokens:1", maxSize: 100_000 }

const text = Codec.json(Schema.String)

const oldKey = new Uint8Array(32).fill(7)

const newKey = new Uint8Array(32).fill(9)

const old = Codec.encrypted(text, { current: { id: "old", key: oldKey } })

const current = text.pipe(
  Codec.encrypted({ current: { id: "new", key: Redacted.make(newKey) }, previous: [{ id: "old", key: oldKey }] })
)

const encode = <A>(codec: Codec.Codec<A>, value: A): Uint8Array => Either.getOrThrow(codec.encode(value, context))

describe("an encrypted codec", () => {
  it("gives every value back, and reveals nothing of it", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ minLength: 6, maxLength: 100 }), (value) => {
        const payload = encode(current, value)
        assert.strictEqual(Either.getOrThrow(current.decode(payload, context)), value)
        assert.isFalse(Buffer.from(payload).includes(value))
        assert.notDeepEqual(encode(current, value), payload)
      })
    )
  })

  it("is AES-256-GCM, in the documented layout", () => {
    const payload = Buffer.from(encode(old, "secret"))
    assert.strictEqual(payload.subarray(0, 5).toString("latin1"), "\u0001\u0003old")
    const decipher = createDecipheriv("aes-256-gcm", oldKey, payload.subarray(5, 17))
    decipher.setAAD(Buffer.concat([payload.subarray(0, 5), Buffer.from(context.key)]))
    decipher.setAuthTag(payload.subarray(-16))
    assert.strictEqual(
      decipher.update(payload.subarray(17, -16), undefined, "utf8") + decipher.final("utf8"),
      "\"secret\""
    )
  })

  it("reads what was written before the key was rotated", () => {
    assert.strictEqual(Either.getOrThrow(current.decode(encode(old, "secret"), context)), "secret")
    assert.isTrue(Either.isLeft(old.decode(encode(current, "secret"), context)))
  })

  it("does not decrypt if any byte was changed", () => {
    const payload = encode(current, "secret")
    for (let i = 0; i < payload.length; i++) {
      for (const bit of [1, 128]) {
        const changed = Uint8Array.from(payload)
        changed[i] = (changed[i] ?? 0) ^ bit
        assert.isTrue(Either.isLeft(current.decode(changed, context)), `byte ${i}`)
      }
      assert.isTrue(Either.isLeft(current.decode(payload.subarray(0, i), context)))
    }
    assert.isTrue(Either.isLeft(current.decode(new Uint8Array([...payload, 0]), context)))
  })

  it("does not decrypt under another Redis key or another key id", () => {
    const payload = encode(old, "secret")
    assert.isTrue(Either.isLeft(old.decode(payload, { ...context, key: "tokens:2" })))
    const renamed = Codec.encrypted(text, { current: { id: "odd", key: oldKey } })
    const moved = Uint8Array.from(payload)
    moved.set(Buffer.from("odd"), 2)
    assert.isTrue(Either.isLeft(renamed.decode(moved, context)))
  })

  it("rejects invalid keys, and does not print them", () => {
    const attempts = [
      () => Codec.encrypted(text, { current: { id: "a", key: new Uint8Array(31).fill(65) } }),
      () => Codec.encrypted(text, { current: { id: "a", key: Redacted.make(new Uint8Array(33).fill(65)) } }),
      // @ts-expect-error Type 'string' is not assignable to type 'Uint8Array | Redacted<Uint8Array>'
      () => Codec.encrypted(text, { current: { id: "a", key: "A".repeat(32) } }),
      () => Codec.encrypted(text, { current: { id: "", key: oldKey } }),
      () => Codec.encrypted(text, { current: { id: "a".repeat(256), key: oldKey } }),
      () => Codec.encrypted(text, { current: { id: "a", key: oldKey }, previous: [{ id: "a", key: newKey }] }),
      () =>
        Codec.encrypted(text, { current: { id: "a", key: oldKey }, previous: [{ id: "b", key: new Uint8Array(1) }] })
    ]
    for (const attempt of attempts) assert.throws(attempt, TypeError, /^Codec\.encrypted: (?!.*AAA)(?!.*65)/)
  })

  it("keeps key material to itself", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
    const codec = Codec.encrypted(text, { current: { id: "k", key } })
    const wrong = Codec.encrypted(text, { current: { id: "k", key: newKey } })
    const issue = Either.getOrThrow(Either.flip(wrong.decode(encode(codec, "plain text"), context)))
    const shown = inspect([codec, issue], { depth: 10, showHidden: true })
    for (const form of ["hex", "base64", "base64url"] as const) {
      assert.notInclude(shown, Buffer.from(key).toString(form).slice(0, 16))
    }
    assert.notInclude(shown, "plain text")
    assert.notInclude(shown, "14, 21, 28")
    // The caller may wipe the bytes that it passed in.
    key.fill(0)
    assert.strictEqual(Either.getOrThrow(codec.decode(encode(codec, "x"), context)), "x")
  })

  it("has an identity that depends on its keys and its inner codec", () => {
    const of = (id: string, key: Uint8Array) => Codec.encrypted(text, { current: { id, key } }).identity
    assert.isTrue(Equal.equals(of("a", oldKey), of("a", Uint8Array.from(oldKey))))
    assert.isFalse(Equal.equals(of("a", oldKey), of("a", newKey)))
    assert.isFalse(Equal.equals(of("a", oldKey), of("b", oldKey)))
    assert.isFalse(Equal.equals(old.identity, current.identity))
    const other = Codec.encrypted(Codec.structural(), { current: { id: "old", key: oldKey } })
    assert.isFalse(Equal.equals(old.identity, other.identity))
  })

  it("wraps compression", () => {
    const codec = text.pipe(Codec.compressed({ threshold: 10 }), Codec.encrypted({ current: { id: "k", key: newKey } }))
    const payload = encode(codec, "x".repeat(5_000))
    assert.isBelow(payload.length, 100)
    assert.strictEqual(Either.getOrThrow(codec.decode(payload, context)), "x".repeat(5_000))
  })
})
