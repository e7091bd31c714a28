/** The commands in the operations guide do what it says, on a Redis with caches in use. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { execFile } from "node:child_process"
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

const run = promisify(execFile)

const users = Cache.make({ name: "users", timeToLive: "1 hour", near: { capacity: 100 } })
const tagged = Cache.make({ name: "users", timeToLive: "1 hour", tags: () => ["team:7"] })

/** The lines of the guide that begin like this. */
const guided = (all: ReadonlyArray<string>, start: string): string => {
  const found = all.filter((line) => line.startsWith(start))
  assert.strictEqual(found.length, 1, start)
  return found[0]!
}

const nearlyServed = (key: string) =>
  until(Effect.map(
    Effect.zipRight(Effect.zipRight(Cache.get(users, key), Cache.get(users, key)), Cache.stats(users)),
    ({ nearHits }) => nearHits > 0
  ))

const isGone = (key: string) => until(Effect.map(Cache.get(users, key), Option.isNone))

describe("the guide's commands for redis-cli", () => {
  it.scopedLive("do what it says, and near copies follow", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "one-liners-"))),
        (made) => Effect.promise(() => rm(made, { recursive: true }))
      )
      const guide = yield* Effect.promise(() =>
        readFile(new URL("../../docs/operations/operations.md", import.meta.url), "utf8")
      )
      const lines = [...guide.matchAll(/```sh\n([^`]*)```/g)].flatMap(([, block]) => block!.trim().split("\n"))
      yield* Effect.promise(async () => {
        const path = (await run("bash", ["-c", "command -v redis-cli"])).stdout.trim()
        await writeFile(join(folder, "redis-cli"), `#!/bin/sh\nexec ${path} -p ${server.port} "$@"\n`)
        await chmod(join(folder, "redis-cli"), 0o755)
      })
      const shell = (line: string): Effect.Effect<string> =>
        Effect.promise(async () => {
          const { stdout } = await run("bash", ["-o", "pipefail", "-c", line], {
            env: { ...process.env, PATH: `${folder}:${process.env.PATH}` }
          })
          return stdout.trim()
        })
      const type = (start: string) => shell(guided(lines, start))

      yield* Effect.gen(function*() {
        const all = Array.from({ length: 1_200 }, (_, i) => [`key ${i}`, "Ada"] as const)
        yield* Cache.setMany(users, [["42", "Ada"], ...all])
        yield* nearlyServed("42")
        assert.match(yield* type("redis-cli PTTL"), /^3[56]\d{5}$/)
        assert.match(yield* type("redis-cli MEMORY USAGE"), /^\d{2,3}$/)
        assert.match(yield* type("redis-cli --no-raw GETRANGE"), /^"\\xe1/)
        assert.strictEqual(yield* type("redis-cli --scan --pattern 'app:users:*' | wc"), "1201")
        assert.strictEqual(yield* type("redis-cli --scan --pattern 'app::near:*' | wc"), "1")

        yield* type("redis-cli DEL app:users:42")
        yield* isGone("42")
        // A load in flight when the command runs stores nothing.
        yield* Cache.getOrSet(users, "42", Effect.zipRight(type("redis-cli DEL app:users:42"), Effect.succeed("old")))
        assert.isTrue(Option.isNone(yield* Cache.get(users, "42")))

        yield* nearlyServed("key 7")
        yield* type("redis-cli --scan --pattern 'app:users:*' | xargs")
        yield* isGone("key 7")
        assert.strictEqual(yield* type("redis-cli --scan --pattern 'app:users:*' | wc"), "0")

        yield* Cache.set(tagged, "42", "Ada")
        assert.isTrue(Option.isSome(yield* Cache.get(tagged, "42")))
        yield* type("redis-cli DEL app::gen:users app::tag:users:team:7")
        assert.isTrue(Option.isNone(yield* Cache.get(tagged, "42")))
        const valued = Cache.make({ name: "users", timeToLive: "1 hour", valueTags: () => ["team:7"] })
        yield* Cache.set(valued, "43", "Ada")
        const invalidate = type("redis-cli DEL app::gen:users app::tag:users:team:7")
        yield* Cache.getOrSet(valued, "44", Effect.as(invalidate, "old"))
        assert.isTrue(Option.isNone(yield* Cache.get(valued, "44")))

        assert.match(yield* type("redis-cli INFO memory"), /maxmemory_policy/)
        assert.match(yield* type("redis-cli INFO stats"), /evicted_keys/)
        yield* type("redis-cli SLOWLOG")
      }).pipe(Effect.provide(RedisLayer.layer({ url: server.url, prefix: "app:" })))
    }), 30_000)
})
