/** Each command on a real Redis: what it prints for people and for scripts, and its exit code. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"
import { readFileSync } from "node:fs"
import { until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"
import { run as runOn } from "./terminal.js"

const users = Cache.make({ name: "users", timeToLive: "10 minutes" })

const find = Memo.cached((id: number, _options: { readonly deep: boolean }) => Effect.succeed({ id }), {
  name: "find",
  timeToLive: "1 hour"
})

/** Runs the caches themselves and the command line under one prefix of their own. */
const start = () => {
  const prefix = uniquePrefix()
  const where = ["--url", sharedRedisUrl(), "--prefix", prefix]
  return {
    prefix,
    where,
    on: Effect.provide(RedisLayer.layer({ url: sharedRedisUrl(), prefix })),
    run: (...args: ReadonlyArray<string>) => runOn([...args, ...where]),
    typing: (keys: ReadonlyArray<string>, ...args: ReadonlyArray<string>) => runOn([...args, ...where], keys)
  }
}

describe("ls", () => {
  it.live("lists caches, for people and for scripts", () =>
    Effect.gen(function*() {
      const { on, run } = start()
      assert.deepStrictEqual(yield* run("ls"), {
        code: 0,
        out: "",
        err: "No caches here. Is it the right database, and the right --prefix?"
      })
      yield* on(Cache.setMany(users, [["1", "Ada"], ["2", "Bob"]], { tags: ["t"] }))
      const { code, out } = yield* run("ls")
      assert.strictEqual(code, 0)
      assert.match(
        out,
        /^CACHE +KEYS +MEMORY +LIFE LEFT +TAGS +HIT RATIO +STATES\nusers +2 +\d+ B +.* +1 +– +100 % Fresh$/
      )
      const { caches, complete } = JSON.parse((yield* run("ls", "--json")).out)
      assert.isTrue(complete)
      assert.deepInclude(caches[0], { name: "users", keys: 2, tags: 1, hitRatio: null })
    }))
})

describe("ls without a prefix", () => {
  it.live("asks whether the only cache is one", () =>
    Effect.gen(function*() {
      const { url } = yield* RedisServer.make()
      const on = Effect.provide(RedisLayer.layer({ url, prefix: "app:" }))
      yield* on(Cache.set(users, "1", "Ada"))
      assert.include((yield* runOn(["ls", "--url", url])).err, "Is app: a prefix? --prefix app:")
      assert.strictEqual((yield* runOn(["ls", "--url", url, "--prefix", "app:"])).err, "")
      yield* on(Cache.delete(users, "1"))
      yield* Effect.provide(Cache.set(users, "1", "Ada"), RedisLayer.layer({ url }))
      assert.strictEqual((yield* runOn(["ls", "--url", url])).err, "")
    }).pipe(Effect.scoped))
})

describe("keys", () => {
  it.live("lists keys, with control characters escaped", () =>
    Effect.gen(function*() {
      const { on, run } = start()
      yield* on(Cache.setMany(users, [["a{1}", "Ada"], ["\u001b[2Jb", "Bob"]]))
      const { code, out } = yield* run("keys", "users")
      assert.strictEqual(code, 0)
      assert.include(out, "a{1}")
      assert.include(out, "\\u{1b}[2Jb")
      assert.notInclude(out, "\u001b")
      const lines = (yield* run("keys", "users", "--json", "--contains", "{1")).out.split("\n")
      assert.strictEqual(lines.length, 1)
      assert.deepInclude(JSON.parse(lines[0]!), { key: "a{1}", stored: "a%7B1%7D", state: "Fresh" })
      assert.strictEqual((yield* run("keys", "users", "--limit", "1", "--json")).out.split("\n").length, 1)
      assert.strictEqual((yield* run("keys", "none")).err, "No keys of \"none\"")
    }))
})

describe("explain and get", () => {
  it.live("describe a key", () =>
    Effect.gen(function*() {
      const { on, prefix, run } = start()
      yield* on(Cache.set(users, "a{1}", { name: "Ada\u001b[2J" }, { tags: ["t"] }))
      const { code, out } = yield* run("explain", "users", "a{1}")
      assert.strictEqual(code, 0)
      assert.include(out, `${prefix}users:a%7B1%7D  Fresh: it is fresh`)
      assert.match(out, /tag +t: as when the entry was written/)
      assert.match(out, /codec +structural/)
      assert.notInclude(out, "\u001b")
      assert.deepStrictEqual(yield* run("get", "users", "a{1}", "--json"), {
        code: 0,
        out: JSON.stringify({ name: "Ada\u001b[2J" }),
        err: ""
      })
      yield* on(Cache.invalidateTags(users, ["t"]))
      assert.include((yield* run("explain", "users", "a{1}")).out, "t: invalidated since the entry was written")
      assert.strictEqual((yield* run("get", "users", "a{1}")).code, 1)
      assert.deepStrictEqual(yield* run("explain", "users", "none"), {
        code: 1,
        out: `${prefix}users:none  Missing: there is no such key`,
        err: "Is it a memoized function? Give its arguments: --args '[42]'"
      })
      const together = yield* run("explain", "users:none")
      assert.strictEqual(together.code, 2)
      assert.include(together.err, "Give cache and key as two arguments: users none")
    }))

  it.live("find the entry of a memoized function by its arguments", () =>
    Effect.gen(function*() {
      const { on, run } = start()
      yield* on(find(42, { deep: true }))
      const { out } = yield* run("get", "find", "--args", "[42, {\"deep\": true}]", "--json")
      assert.strictEqual(out, "{\"id\":42}")
      assert.strictEqual((yield* run("get", "find", "--key-json", "[42,{\"deep\":true}]")).code, 0)
      const refused = yield* run("get", "find", "--args", "42")
      assert.deepStrictEqual([refused.code, refused.err], [2, "--args takes a JSON array, e.g. '[42]', got 42"])
      assert.match((yield* run("get", "find")).err, /^Which key\?/)
      assert.strictEqual((yield* run("explain", "find", "--args", "[43]")).err, "")
      assert.strictEqual((yield* run("get", "find", "--args", "[1")).err, "--args takes JSON, and this is not JSON: [1")
    }))
})

describe("commands that change something", () => {
  it.live("ask for confirmation or take --yes, and say what they did", () =>
    Effect.gen(function*() {
      const { on, prefix, run, typing } = start()
      yield* on(Cache.setMany(users, [["1", "Ada"], ["2", "Bob"], ["3", "Cy"]], { tags: ["t"] }))
      const unasked = yield* run("delete", "users", "1")
      assert.strictEqual(unasked.code, 2)
      assert.match(
        unasked.err,
        new RegExp(`^Delete users:1 on redis://.*, prefix ${prefix}\\? No terminal to confirm on`)
      )
      assert.strictEqual((yield* typing(["n"], "delete", "users", "1")).code, 1)
      assert.isTrue(yield* on(Cache.has(users, "1")))
      assert.strictEqual((yield* typing(["y"], "delete", "users", "1")).code, 0)
      assert.isFalse(yield* on(Cache.has(users, "1")))
      assert.strictEqual((yield* run("delete", "users", "1", "--yes")).code, 1)
      assert.strictEqual((yield* run("expire", "users", "2", "--yes")).code, 0)
      assert.strictEqual((yield* run("expire", "users", "2", "--yes")).code, 1)
      assert.isFalse(yield* on(Cache.has(users, "2")))
      yield* on(Cache.set(users, "2", "Bob", { tags: ["t"] }))
      assert.strictEqual((yield* run("expire", "users", "--tag", "t", "--yes")).out, "Stale from now on")
      assert.match((yield* run("explain", "users", "2")).out, /Stale: /)
      yield* on(Cache.set(users, "2", "Bob", { tags: ["t"] }))
      assert.deepStrictEqual(yield* run("invalidate", "users", "t", "--yes"), { code: 0, out: "Invalidated", err: "" })
      assert.isFalse(yield* on(Cache.has(users, "2")))
      assert.strictEqual((yield* run("flush", "users", "--yes", "--json")).out, "{\"removed\":2}")
    }))
})

describe("top", () => {
  it.live("shows what processes publish", () =>
    Effect.gen(function*() {
      const { prefix, run } = start()
      const layer = RedisLayer.layer({ url: sharedRedisUrl(), prefix, publish: { every: "100 millis", name: "web-1" } })
      const busy = yield* Effect.fork(
        Effect.forever(Effect.delay(Cache.getOrSet(users, "1", Effect.succeed("Ada")), 5)).pipe(Effect.provide(layer))
      )
      const { code, out } = yield* run("top", "--every", "200 millis", "--for", "1 second")
      yield* Fiber.interrupt(busy)
      assert.strictEqual(code, 0)
      assert.match(out, /1 process: web-1, 0 keys being loaded {2}[\d:]{8} UTC, rates over \d+ s/)
      assert.match(out, /\nusers +[\d.]+ +\d+\.\d+ %/)
      assert.match((yield* run("top", "--for", "1 milli")).out, /^No process publishes its figures/)
    }))
})

describe("watch", () => {
  it.live("reports changes", () =>
    Effect.gen(function*() {
      const { on, run } = start()
      const watching = yield* Effect.fork(run("watch", "users", "--limit", "1", "--json"))
      yield* until(
        Effect.zipRight(on(Cache.set(users, "{1}", "Ada")), Effect.map(watching.status, ({ _tag }) => _tag === "Done"))
      )
      const lines = (yield* Fiber.join(watching)).out.split("\n").map((line) => JSON.parse(line))
      assert.deepInclude(lines[0], { _tag: "Resumed" })
      assert.deepInclude(lines.at(-1), { _tag: "Changed", cache: "users", text: "{1}" })
    }))
})

describe("the command line", () => {
  it.live("accepts options before and after arguments", () =>
    Effect.gen(function*() {
      const { on, where } = start()
      yield* on(Cache.set(users, "-1", "Ada"))
      for (
        const args of [["get", ...where, "users", "--json", "--", "-1"], [
          "get",
          "users",
          "--json",
          ...where,
          "--",
          "-1"
        ]]
      ) {
        assert.strictEqual((yield* runOn(args)).out, "\"Ada\"")
      }
    }))

  it.live("documents its exit codes", () =>
    Effect.gen(function*() {
      const codes = (...args: ReadonlyArray<string>) => Effect.map(runOn(args), ({ code }) => code)
      assert.strictEqual(yield* codes("nonsense"), 2)
      assert.strictEqual(yield* codes("keys"), 2)
      assert.strictEqual(yield* codes("keys", "a:b"), 2)
      assert.strictEqual(yield* codes("ls", "--timeout", "soon"), 2)
      assert.strictEqual(yield* codes("ls", "--url", "redis://localhost:1", "--timeout", "1 second"), 3)
      assert.strictEqual(yield* codes("--help"), 0)
      assert.strictEqual(yield* codes("keys", "--help"), 0)
    }))

  it.live("teaches", () =>
    Effect.gen(function*() {
      const { out } = yield* runOn(["explain", "--help"])
      assert.include(out, "effect-redis-cache explain getUser --args '[42]'")
      assert.notInclude(out, "\u001b")
      for (
        const command of [
          ...["ls", "keys", "get", "delete", "expire", "flush", "invalidate", "top", "watch", "inspect", "doctor"]
        ]
      ) {
        assert.include((yield* runOn([command, "--help"])).out, `effect-redis-cache ${command}`)
      }
    }))

  it.live("prints its version, which is its package's", () =>
    Effect.gen(function*() {
      const { version } = JSON.parse(readFileSync(new URL("../../cli/package.json", import.meta.url), "utf8"))
      assert.strictEqual((yield* runOn(["--version"])).out.trim(), version)
    }))

  it.live("never prints passwords", () =>
    Effect.gen(function*() {
      const { err, out } = yield* runOn(["doctor", "--url", "redis://app:secret@localhost:1", "--timeout", "1 second"])
      assert.notInclude(out + err, "secret")
      assert.include(out, "redis://localhost:1")
    }))
})
