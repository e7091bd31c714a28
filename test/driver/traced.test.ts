import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream, type Tracer } from "effect"
import { Cache, type Redis, RedisLayer } from "effect-redis-cache"
import { tracing } from "../support/tracing.js"

/** Keeps every span that ends. */
const recording = () => {
  const { ended, tracer } = tracing()
  return { ended, layer: Layer.setTracer(tracer) }
}

const users = Cache.make({ name: "users", timeToLive: "1 minute" })

const names = (ended: ReadonlyArray<Tracer.Span>) => ended.map((span) => span.name)

describe("tracing", () => {
  it.effect("a hit has no span of its own unless tracing is enabled", () => {
    const { ended, layer } = recording()
    return Effect.gen(function*() {
      yield* Cache.set(users, "42", "Ada")
      yield* Cache.get(users, "42")
      assert.deepStrictEqual(names(ended), [])
    }).pipe(Effect.provide([RedisLayer.layerMemory, layer]))
  })

  it.effect("layerTraced makes each round trip a client span that names the system, and ends before the next step", () => {
    const { ended, layer } = recording()
    return Effect.gen(function*() {
      yield* Cache.getOrSet(users, "42", Effect.succeed("Ada"))
      assert.deepStrictEqual(names(ended), ["MGET", "EVALSHA lease", "EVALSHA fill", "Cache.load"])
      for (const span of ended.slice(0, 3)) {
        assert.strictEqual(span.kind, "client")
        assert.strictEqual(span.attributes.get("db.system.name"), "redis")
        assert.strictEqual(span.attributes.get("db.operation.name"), "getOrSet")
        assert.strictEqual(span.attributes.get("db.query.summary"), span.name)
        assert.strictEqual(span.attributes.get("cache"), "users")
        assert.isFalse(span.attributes.has("db.operation.batch.size"), "a batch of one is none")
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
      assert.deepStrictEqual(names(ended), ["SET"])
      assert.strictEqual(ended[0]!.attributes.get("error.type"), "OutOfMemory")
    }).pipe(Effect.provide([RedisLayer.layerTraced.pipe(Layer.provide(broken)), layer]))
  })

  it.effect("names the operation that the user called, even beside or inside others", () => {
    const { ended, layer } = recording()
    const counts = Cache.counter({ name: "counts" })
    const seen = () =>
      ended.splice(0).filter(({ kind }) => kind === "client").map(({ attributes }) =>
        `${String(attributes.get("cache"))} ${String(attributes.get("db.operation.name"))}: ${
          String(attributes.get("db.query.summary"))
        }`
      )
    return Effect.gen(function*() {
      const operations: ReadonlyArray<readonly [Effect.Effect<unknown, unknown, Redis.Redis>, ReadonlyArray<string>]> =
        [
          [Cache.set(users, "42", "Ada"), ["users set: SET"]],
          [Cache.setMany(users, { a: 1, b: 2 }), ["users setMany: SET"]],
          [Cache.setIfAbsent(users, "42", "Ada"), ["users setIfAbsent: EVALSHA swap"]],
          [Cache.get(users, "42"), ["users get: MGET"]],
          [Cache.getMany(users, ["42", "43"]), ["users getMany: MGET"]],
          [Cache.has(users, "42"), ["users get: MGET"]],
          [Cache.timeToLive(users, "42"), ["users timeToLive: MGET"]],
          [Cache.touch(users, "42", "1 hour"), ["users touch: MGET", "users touch: EVALSHA touch"]],
          [Cache.increment(counts, "a"), ["counts increment: EVALSHA increment"]],
          [Cache.explain(users, "42"), ["users explain: GET PTTL MEMORY"]],
          [Stream.runDrain(Cache.keys(users)), ["users keys: SCAN", "users keys: GETRANGE"]],
          [Cache.take(users, "42"), ["users take: EVALSHA take"]],
          [Cache.deleteMany(users, ["42"]), ["users deleteMany: EVALSHA remove"]],
          [Cache.delete(users, "42"), ["users delete: EVALSHA remove"]],
          [Cache.invalidateTags(users, ["t"]), ["users invalidateTags: EVALSHA replaceEpochs"]],
          [Cache.expire(users, "42"), ["users expire: EVALSHA expire"]],
          [Cache.expireTags(users, ["t"]), ["users expireTags: EVALSHA replaceEpochs"]],
          [Cache.flush(users), ["users flush: EVALSHA clear"]],
          [Cache.refresh(users, "42", Effect.succeed("Ada")), [
            "users refresh: EVALSHA lease",
            "users refresh: EVALSHA fill"
          ]],
          // A command that the user's own code sends inside another operation belongs to that code.
          [Cache.getOrSet(users, "43", Cache.get(counts, "a")), [
            "users getOrSet: MGET",
            "users getOrSet: EVALSHA lease",
            "counts get: MGET",
            "users getOrSet: EVALSHA fill"
          ]],
          [Cache.modify(users, "44", () => Effect.as(Cache.increment(counts, "a"), Option.some("Grace"))), [
            "users modify: MGET",
            "counts increment: EVALSHA increment",
            "users modify: EVALSHA swap"
          ]],
          [Cache.invalidating(Cache.increment(counts, "a"), users, ["44"]), [
            "users invalidating: EVALSHA hold",
            "counts increment: EVALSHA increment",
            "users invalidating: EVALSHA endHold"
          ]]
        ]
      for (const [operation, expected] of operations) {
        yield* operation
        assert.deepStrictEqual(seen().sort(), [...expected].sort())
      }
    }).pipe(Effect.provide([RedisLayer.layerTraced.pipe(Layer.provide(RedisLayer.layerMemory)), layer]))
  })
})
