/** What is wrong with a value, in words: in errors, and in what `explain` says. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { sentence } from "../../src/internal/codec/sentence.js"

describe("what is wrong", () => {
  it("names the place as part of the sentence", () => {
    assert.strictEqual(sentence({ path: "$.first", detail: "is missing" }), "$.first is missing")
    assert.strictEqual(sentence({ path: "$", detail: "is missing" }), "it is missing")
    assert.strictEqual(sentence({ path: "$", detail: "not JSON" }), "not JSON")
    assert.strictEqual(
      sentence({ path: "$.age", detail: "expected number, got a string" }),
      "expected number, got a string (at $.age)"
    )
  })

  it.effect("is the same in explain and in errors, for a value of another schema", () =>
    Effect.gen(function*() {
      const before = Cache.make({ name: "people", schema: Schema.Struct({ last: Schema.String }) })
      const after = Cache.make({ name: "people", schema: Schema.Struct({ first: Schema.String }) })
      yield* Cache.set(before, "a", { last: "Byron" })
      const explained = yield* Cache.explain(after, "a")
      assert.strictEqual(explained.reason, "its value does not decode: $.first is missing")
      const error = yield* Effect.flip(Cache.set(before, "a", {} as { readonly last: string }))
      assert.strictEqual(error.message, "Cannot store this value in cache \"people\": $.last is missing")
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
