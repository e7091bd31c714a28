/** Tags that cannot be stored are refused before any epoch is created for them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache, type CacheError, RedisLayer } from "effect-redis-cache"

const tooMany = Array.from({ length: 1000 }, (_, i) => `t${i}`)

describe("tags of a loaded value that cannot be stored", () => {
  for (
    const [what, policy] of [["the key's", { tags: () => tooMany }], ["the value's", {
      valueTags: () => tooMany
    }]] as const
  ) {
    it.effect(`${what}: a CodecError, and no epochs are left behind`, () => {
      const server = RedisLayer.memoryServer()
      const users = Cache.make({ name: "users", timeToLive: "1 minute", ...policy })
      return Effect.gen(function*() {
        const one: CacheError.RedisError | CacheError.CodecError = yield* Effect.flip(
          Cache.getOrSet(users, "42", Effect.succeed("Ada"))
        )
        assert.strictEqual(one._tag, "CodecError")
        const many = yield* Effect.flip(
          Cache.getOrSetMany(users, ["42"], (keys) => Effect.succeed(keys.map((key) => [key, "Ada"] as const)))
        )
        assert.strictEqual(many._tag, "CodecError")
        // The generation, which every load with value tags reads, is at most one key.
        assert.isAtMost(server.size, 1)
      }).pipe(Effect.provide(RedisLayer.layerMemoryServer(server)))
    })
  }
})
