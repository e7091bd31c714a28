import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema } from "effect"
import { Cache, Memo, type Redis, RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"

const layers = {
  memory: () => RedisLayer.layerMemory,
  Redis: () => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() })
}

/** Results of a `timeToLive` function that are not durations, and the defect that reports them. */
const mistakes: ReadonlyArray<readonly [given: unknown, text: string]> = [
  [NaN, "got NaN"],
  [undefined, "got undefined"],
  [null, "got null"],
  ["soon", "got \"soon\""],
  [[NaN, 0], "got [NaN, 0]"],
  [Promise.resolve(1), "got a promise"]
]

for (const [store, layer] of Object.entries(layers)) {
  describe(`A \`timeToLive\` function that does not return a duration, on ${store}`, () => {
    const dies = (name: string, text: string, effect: Effect.Effect<unknown, unknown, Redis.Redis>) =>
      Effect.map(Effect.exit(effect), (exit) => {
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), `${name}: ${exit}`)
        const defects = Exit.isFailure(exit) ? String([...Cause.defects(exit.cause)]) : ""
        assert.include(defects, `Cache "${name}": timeToLive must be a function that returns durations`)
        assert.include(defects, text)
      })

    for (const [given, text] of mistakes) {
      it.live(`is a defect that names the cache: ${text}`, () =>
        Effect.gen(function*() {
          const timeToLive = () => given as never
          const users = Cache.make({ name: "users", timeToLive })
          const tagged = Cache.make({ name: "tagged", timeToLive, valueTags: () => ["a"] })
          for (const cache of [users, tagged]) {
            for (
              const write of [
                Cache.set(cache, "a", 1),
                Cache.setMany(cache, { a: 1 }),
                Cache.setIfAbsent(cache, "a", 1),
                Cache.modify(cache, "a", () => Option.some(1)),
                Cache.getOrSet(cache, "a", Effect.succeed(1)),
                Cache.refresh(cache, "a", Effect.succeed(1)),
                Cache.getOrSetMany(cache, ["a"], () => Effect.succeed([["a", 1] as const]))
              ]
            ) yield* dies(cache.name, text, write)
          }
          const loads = Cache.make({ name: "loads" })
          yield* dies("loads", text, Cache.getOrSet(loads, "a", Effect.succeed(1), { timeToLive }))
          yield* dies(
            "loads",
            text,
            Cache.getOrSetMany(loads, ["a"], () => Effect.succeed([["a", 1] as const]), { timeToLive })
          )
          yield* dies("hits", text, Cache.increment(Cache.counter({ name: "hits", timeToLive }), "a", 1))
          const memo = Memo.cached(() => Effect.succeed(1), { name: "memo", timeToLive })
          yield* dies("memo", text, memo())
          yield* dies("memo", text, memo.refresh())
          const failing = Memo.cached(() => Effect.fail("no"), {
            name: "failing",
            timeToLive,
            errors: { schema: Schema.String }
          })
          yield* dies("failing", text, failing())
        }).pipe(Effect.provide(layer())))
    }

    it.live("zero and negative durations still mean: do not store", () =>
      Effect.gen(function*() {
        for (const [i, life] of [0, -1, -Infinity, "0 seconds", "-1 seconds", 0n].entries()) {
          const cache = Cache.make({ name: `c${i}`, timeToLive: () => life as number })
          yield* Cache.set(cache, "a", 1)
          assert.strictEqual(yield* Cache.getOrSet(cache, "a", Effect.succeed(2)), 2)
          assert.isFalse(yield* Cache.has(cache, "a"))
        }
      }).pipe(Effect.provide(layer())))

    it.live("as an option of one write, it is a CodecError that names the cache", () =>
      Effect.gen(function*() {
        const cache = Cache.make({ name: "users" })
        for (const timeToLive of [NaN, "soon", [NaN, 0]]) {
          const error = yield* Effect.flip(Cache.set(cache, "a", 1, { timeToLive: timeToLive as never }))
          assert.include(error.message, "\"users\"")
          assert.include(error.message, `got ${String(timeToLive)}`)
        }
      }).pipe(Effect.provide(layer())))
  })
}
