import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Tracer } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { tracing } from "../support/tracing.js"

/** Keeps every span that ends. */
const recording = () => {
  const { ended, tracer } = tracing()
  return { ended, layer: Layer.setTracer(tracer) }
}

const users = Cache.make({ name: "users", timeToLive: "1 minute" })

const names = (ended: ReadonlyArray<Tracer.Span>) => ended.map((span) => span.name)

describe("tracing", () => {
  it.effect("a hit has no span of its own unless tracing is asked for", () => {
    const { ended, layer } = recording()
    return Effect.gen(function*() {
      yield* Cache.set(users, "42", "Ada")
      yield* Cache.get(users, "42")
      assert.deepStrictEqual(names(ended), [])
    }).pipe(Effect.provide([RedisLayer.layerMemory, layer]))
  })

  it.effect("layerTraced makes each round trip a client span that names the system, and ends before what follows", () => {
    const { ended, layer } = recording()
    return Effect.gen(function*() {
      yield* Cache.getOrSet(users, "42", Effect.succeed("Ada"))
      assert.deepStrictEqual(names(ended), ["redis.get", "redis.lease", "redis.fill", "Cache.load"])
      for (const span of ended.slice(0, 3)) {
        assert.strictEqual(span.kind, "client")
        assert.strictEqual(span.attributes.get("db.system.name"), "redis")
        assert.isFalse([...span.attributes.values()].some((value) => String(value).includes("42")), "no key in a span")
      }
    }).pipe(Effect.provide([RedisLayer.layerTraced.pipe(Layer.provide(RedisLayer.layerMemory)), layer]))
  })

  it.effect("a round trip that fails ends its span, and the failure reaches the caller", () => {
    const { ended, layer } = recording()
    const broken = RedisLayer.layerFaulty({ script: () => ({ fail: "OutOfMemory" }) }).pipe(
      Layer.provide(RedisLayer.layerMemory)
    )
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Cache.set(users, "42", "Ada"))
      assert.strictEqual(error._tag, "RedisError")
      assert.deepStrictEqual(names(ended), ["redis.set"])
    }).pipe(Effect.provide([RedisLayer.layerTraced.pipe(Layer.provide(broken)), layer]))
  })
})
