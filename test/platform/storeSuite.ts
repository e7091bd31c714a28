/** What `@effect/platform` and its users expect of a `KeyValueStore`: also runs over platform's own store. */
import { KeyValueStore } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Encoding, Layer, Option, Schema } from "effect"

class User extends Schema.Class<User>("User")({ name: Schema.String, born: Schema.Date }) {}

const ada = new User({ name: "Ada", born: new Date("1815-12-10T00:00:00Z") })

const Users = KeyValueStore.layerSchema(User, "Users")

const decoded = (text: string): Uint8Array => new TextEncoder().encode(text)

/** `layer` gives an empty store each time that it is built. */
export const storeSuite = <E>(name: string, layer: () => Layer.Layer<KeyValueStore.KeyValueStore, E>): void => {
  const test = <F>(
    behaviour: string,
    body: (kv: KeyValueStore.KeyValueStore) => Effect.Effect<void, F>
  ): void => it.live(behaviour, () => Effect.flatMap(KeyValueStore.KeyValueStore, body).pipe(Effect.provide(layer())))

  const texts = ["text 😀", "", "Zm9v", "null", "42", "\ufeffwith a mark", "half a pair: \ud800"]

  describe(name, () => {
    test("gets what was set, and nothing else", (kv) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* kv.get("/a/b"), Option.none())
        assert.deepStrictEqual(yield* kv.getUint8Array("/a/b"), Option.none())
        assert.isFalse(yield* kv.has("/a/b"))
        for (const text of texts) {
          yield* kv.set("/a/b", text)
          assert.deepStrictEqual(yield* kv.get("/a/b"), Option.some(text))
          assert.isTrue(yield* kv.has("/a/b"))
          assert.strictEqual(yield* kv.size, 1)
        }
        assert.deepStrictEqual(yield* kv.get("/a"), Option.none())
      }))

    test("removes, clears, and returns its size", (kv) =>
      Effect.gen(function*() {
        assert.isTrue(yield* kv.isEmpty)
        yield* kv.remove("a")
        yield* kv.set("a", "1")
        yield* kv.set("b", "2")
        yield* kv.set("b", "3")
        assert.strictEqual(yield* kv.size, 2)
        yield* kv.remove("a")
        assert.isFalse(yield* kv.has("a"))
        assert.strictEqual(yield* kv.size, 1)
        yield* kv.clear
        assert.deepStrictEqual(yield* kv.get("b"), Option.none())
        assert.strictEqual(yield* kv.size, 0)
        yield* kv.clear
        assert.isTrue(yield* kv.isEmpty)
      }))

    test("stores bytes unchanged, and returns them as Base64 when read as text", (kv) =>
      Effect.gen(function*() {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        yield* kv.set("bytes", bytes)
        assert.deepStrictEqual(yield* kv.getUint8Array("bytes"), Option.some(bytes))
        assert.deepStrictEqual(yield* kv.get("bytes"), Option.some(Encoding.encodeBase64(bytes)))
        yield* kv.set("none", new Uint8Array())
        assert.deepStrictEqual(yield* kv.getUint8Array("none"), Option.some(new Uint8Array()))
        assert.deepStrictEqual(yield* kv.get("none"), Option.some(""))
      }))

    test("returns text as UTF-8 when read as bytes, even if it looks like Base64", (kv) =>
      Effect.gen(function*() {
        for (const text of ["é 👋", "Zm9v", ""]) {
          yield* kv.set("text", text)
          assert.deepStrictEqual(yield* kv.getUint8Array("text"), Option.some(decoded(text)))
        }
      }))

    test("modifies existing values", (kv) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* kv.modify("a", (value) => `${value}!`), Option.none())
        assert.deepStrictEqual(yield* kv.modifyUint8Array("a", (value) => value), Option.none())
        assert.isFalse(yield* kv.has("a"))
        assert.strictEqual(yield* kv.size, 0)
        yield* kv.set("a", "hey")
        assert.deepStrictEqual(yield* kv.modify("a", (value) => `${value}!`), Option.some("hey!"))
        assert.deepStrictEqual(yield* kv.get("a"), Option.some("hey!"))
        assert.deepStrictEqual(
          yield* kv.modifyUint8Array("a", (value) => value.slice(0, 1)),
          Option.some(decoded("h"))
        )
        assert.deepStrictEqual(yield* kv.getUint8Array("a"), Option.some(decoded("h")))
        assert.strictEqual(yield* kv.size, 1)
      }))

    test("supports prefixed stores", (kv) =>
      Effect.gen(function*() {
        const prefixed = KeyValueStore.prefix(kv, "app/")
        yield* prefixed.set("a", "1")
        yield* prefixed.modify("a", (value) => `${value}2`)
        assert.deepStrictEqual(yield* prefixed.get("a"), Option.some("12"))
        assert.isTrue(yield* prefixed.has("a"))
        assert.deepStrictEqual(yield* kv.get("app/a"), Option.some("12"))
        assert.isTrue(yield* kv.has("app/a"))
        yield* prefixed.remove("a")
        assert.isFalse(yield* kv.has("app/a"))
      }))

    test("supports stores with a schema, also prefixed ones", (kv) =>
      Effect.gen(function*() {
        const users = yield* Users.tag
        assert.deepStrictEqual(yield* users.get("ada"), Option.none())
        yield* users.set("ada", ada)
        assert.deepStrictEqual(yield* users.get("ada"), Option.some(ada))
        const lovelace = new User({ ...ada, name: "Lovelace" })
        assert.deepStrictEqual(yield* users.modify("ada", () => lovelace), Option.some(lovelace))
        assert.deepStrictEqual(yield* users.get("ada"), Option.some(lovelace))
        yield* KeyValueStore.prefix(users, "app/").set("grace", ada)
        assert.deepStrictEqual(yield* users.get("app/grace"), Option.some(ada))
        assert.strictEqual(yield* users.size, 2)
        yield* users.set("broken", ada)
        yield* kv.set("broken", "{}")
        const error: { readonly _tag: string } = yield* Effect.flip(users.get("broken"))
        assert.strictEqual(error._tag, "ParseError")
        yield* users.clear
        assert.isTrue(yield* kv.isEmpty)
      }).pipe(
        Effect.provide(Layer.provide(Users.layer, Layer.succeed(KeyValueStore.KeyValueStore, kv)))
      ))

    test("stores values of a megabyte", (kv) =>
      Effect.gen(function*() {
        const bytes = new Uint8Array(2 ** 20).fill(7)
        const text = "é".repeat(2 ** 19)
        yield* Effect.all([kv.set("bytes", bytes), kv.set("text", text)], { concurrency: 2 })
        assert.deepStrictEqual(yield* kv.getUint8Array("bytes"), Option.some(bytes))
        assert.deepStrictEqual(yield* kv.get("text"), Option.some(text))
      }))
  })
}

/** One of each of a store's operations. */
export const operations = (
  kv: KeyValueStore.KeyValueStore
): ReadonlyArray<readonly [method: string, Effect.Effect<unknown, PlatformError>]> => [
  ["get", kv.get("a")],
  ["getUint8Array", kv.getUint8Array("a")],
  ["set", kv.set("a", "1")],
  ["has", kv.has("a")],
  ["modify", kv.modify("a", (value) => value)],
  ["modifyUint8Array", kv.modifyUint8Array("a", (value) => value)],
  ["remove", kv.remove("a")],
  ["clear", kv.clear],
  ["size", kv.size],
  ["size", kv.isEmpty]
]
