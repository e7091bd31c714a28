/** The mode of a store is the mode in which its layer is built. */
import * as Persistence from "@effect/experimental/Persistence"
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, type Redis, RedisLayer } from "effect-redis-cache"
import * as Store from "effect-redis-cache/KeyValueStore"
import * as CachePersistence from "effect-redis-cache/Persistence"

const key = "a"

/** What is stored, and what a region writes to a store that is built inside it or was built before. */
const keyValues = Effect.gen(function*() {
  const kv = yield* KeyValueStore.KeyValueStore
  const before = yield* kv.get(key)
  yield* kv.set(key, "new")
  return before
})

const persisted = Effect.gen(function*() {
  const { make } = yield* Persistence.BackingPersistence
  const store = yield* make("store")
  const before = yield* store.get(key)
  yield* store.set(key, "new", Option.none())
  return before
}).pipe(Effect.scoped)

/** A value that is set and read outside of regions, and operations inside one. */
type Kept = Record<"get" | "set" | "use", Effect.Effect<unknown, unknown, Redis.Redis>>

const stores = {
  KeyValueStore: {
    use: keyValues.pipe(Effect.provide(Store.layer({ name: "store" }))),
    set: Effect.flatMap(KeyValueStore.KeyValueStore, (kv) => kv.set(key, "old")).pipe(
      Effect.provide(Store.layer({ name: "store" }))
    ),
    get: Effect.flatMap(KeyValueStore.KeyValueStore, (kv) => kv.get(key)).pipe(
      Effect.provide(Store.layer({ name: "store" }))
    )
  },
  Persistence: {
    use: persisted.pipe(Effect.provide(CachePersistence.layer())),
    set: Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("store")).pipe(
      Effect.flatMap((store) => store.set(key, "old", Option.none())),
      Effect.scoped,
      Effect.provide(CachePersistence.layer())
    ),
    get: Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("store")).pipe(
      Effect.flatMap((store) => store.get(key)),
      Effect.scoped,
      Effect.provide(CachePersistence.layer())
    )
  }
}

describe("withMode around", () => {
  for (const [name, { get, set, use }] of Object.entries<Kept>(stores)) {
    for (const mode of ["use", "refresh", "readOnly", "off"] as const) {
      it.effect(`${name} built inside it: ${mode}`, () =>
        Effect.gen(function*() {
          const reads = mode === "use" || mode === "readOnly"
          const stores = mode === "use" || mode === "refresh"
          yield* set
          assert.deepStrictEqual(
            yield* Cache.withMode(Effect.orDie(use), mode),
            reads ? Option.some("old") : Option.none()
          )
          assert.deepStrictEqual(yield* get, Option.some(stores ? "new" : "old"))
        }).pipe(Effect.provide(RedisLayer.layerMemory)))
    }
  }

  it.effect("a KeyValueStore that was built before changes nothing", () =>
    Effect.gen(function*() {
      const { set } = stores.KeyValueStore
      yield* set
      const before = yield* Cache.withMode(keyValues, "off").pipe(Effect.provide(Store.layer({ name: "store" })))
      assert.deepStrictEqual(before, Option.some("old"))
      assert.deepStrictEqual(yield* stores.KeyValueStore.get, Option.some("new"))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
