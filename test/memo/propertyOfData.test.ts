import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Equal, Hash, HashSet, Option, PrimaryKey, Schema } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"
import { isDeepStrictEqual } from "node:util"

const memory = RedisLayer.layerMemory

const upper = (id: string) => Effect.sync(() => id.toUpperCase())

class Point extends Data.Class<{ readonly id: string }> {
  readonly label = Memo.cachedProperty(this, { name: "Point.label", key: (self) => self.id }, ({ id }) => upper(id))
}

class Spot extends Data.TaggedClass("Spot")<{ readonly id: string }> {
  readonly label = Memo.cachedProperty(this, { name: "Spot.label", key: (self) => self.id }, ({ id }) => upper(id))
}

class Place extends Schema.Class<Place>("Place")({ id: Schema.String }) {
  readonly label = Memo.cachedProperty(this, { name: "Place.label", key: (self) => self.id }, ({ id }) => upper(id))
}

class Keyed extends Schema.Class<Keyed>("Keyed")({ id: Schema.String }) {
  [PrimaryKey.symbol]() {
    return this.id
  }
  readonly label = Memo.cachedProperty(this, { name: "Keyed.label" }, ({ id }) => upper(id))
}

for (const Class of [Point, Spot, Place, Keyed]) {
  describe(`A cached property of an instance of ${Class.name}`, () => {
    const [one, same, other] = [new Class({ id: "a" }), new Class({ id: "a" }), new Class({ id: "b" })]

    it("does not change equality", () => {
      assert.isTrue(Equal.equals(one, same))
      assert.strictEqual(Hash.hash(one), Hash.hash(same))
      assert.isFalse(Equal.equals(one, other))
      assert.strictEqual(HashSet.size(HashSet.fromIterable<unknown>([one, same, other])), 2)
      assert.isTrue(isDeepStrictEqual(one, same))
      assert.isFalse(isDeepStrictEqual(one, other))
    })

    it("is not in JSON", () => {
      const fields = one instanceof Spot ? { id: "a", _tag: "Spot" } : { id: "a" }
      assert.deepStrictEqual(JSON.parse(JSON.stringify(one)), fields)
      assert.deepStrictEqual(JSON.parse(JSON.stringify({ list: [one] })), { list: [fields] })
    })

    it.effect("keeps instances usable as keys, by their other fields", () =>
      Effect.gen(function*() {
        let runs = 0
        const f = Memo.cached((_: unknown) => Effect.sync(() => ++runs), { name: "f" })
        assert.deepStrictEqual([yield* f(one), yield* f(same), yield* f(other), yield* f({ of: one })], [1, 1, 2, 3])
        assert.notInclude(yield* f.key(one), "label")
      }).pipe(Effect.provide(memory)))

    it.effect("is still the property", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* one.label, "A")
        assert.strictEqual(yield* other.label, "B")
        assert.deepStrictEqual(yield* same.label.peek, Option.some("A"))
      }).pipe(Effect.provide(memory)))
  })
}

describe("Cached properties", () => {
  it("with the same name are equal, and with different names are not", () => {
    assert.isTrue(Equal.equals(new Point({ id: "a" }).label, new Point({ id: "b" }).label))
    assert.isFalse(Equal.equals(new Point({ id: "a" }).label, new Spot({ id: "a" }).label))
    assert.isFalse(Equal.equals(new Point({ id: "a" }).label, { name: "Point.label" }))
  })

  it.effect("instances pass through their schema, into a cache and back", () =>
    Effect.gen(function*() {
      const places = Cache.make({ name: "places", schema: Place })
      const place = new Place({ id: "a" })
      yield* Cache.set(places, "a", place)
      const back = Option.getOrThrow(yield* Cache.get(places, "a"))
      assert.isTrue(Equal.equals(back, place))
      assert.strictEqual(yield* back.label, "A")
    }).pipe(Effect.provide(memory)))

  it.effect("are not values: nothing is dropped silently", () =>
    Effect.gen(function*() {
      const cache = Cache.make({ name: "any" })
      const holder = { id: "a", label: new Point({ id: "a" }).label }
      const error = yield* Effect.flip(Cache.set(cache, "a", holder))
      assert.strictEqual(error._tag === "CodecError" && error.path, "$.label")
      const f = Memo.cached((_: unknown) => Effect.succeed(1), { name: "f" })
      assert.strictEqual((yield* Effect.flip(f(holder.label)))._tag, "CodecError")
    }).pipe(Effect.provide(memory)))
})
