/** The command line with sentinels, which tell it the current master. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache, type Fleet, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { run } from "../../cli/terminal.js"
import { startSentinel } from "../../support/redisSentinel.js"

const sentinel = await startSentinel(1)
afterAll(() => sentinel.stop())

const { name, sentinels } = sentinel.options

const asked = sentinels.flatMap(({ host, port }) => ["--sentinel", `${host}:${port}`])

/** The host in the URL does not exist: only its database number counts. */
const where = [...asked, "--master", name, "--url", "redis://nowhere.example/2", "--prefix", "app:"]

const users = Cache.make({ name: "users", timeToLive: "1 hour" })

const on = Effect.provide(RedisLayer.layer({ ...sentinel.options, url: "redis://nowhere.example/2", prefix: "app:" }))

const found = (...args: ReadonlyArray<string>) =>
  Effect.map(run([...args, "--json", ...where]), ({ out }) => JSON.parse(out))

describe("behind sentinels", () => {
  it.live("ls, get and doctor ask the master, and its successor too", () =>
    Effect.gen(function*() {
      yield* on(Cache.setMany(users, [["42", "Ada"], ["43", "Bob"]]))
      for (const master of ["first", "second"]) {
        const { caches } = yield* found("ls")
        assert.deepInclude(caches[0], { name: "users", keys: 2 }, master)
        assert.strictEqual(yield* found("get", "users", "42"), "Ada", master)
        const findings: ReadonlyArray<Fleet.Finding> = yield* found("doctor")
        const levels = new Map(findings.map(({ check, level }) => [check, level]))
        assert.strictEqual(levels.get("replication"), "ok", master)
        assert.strictEqual(levels.get("rights"), "ok", master)
        if (master === "second") break
        yield* Effect.promise(() => sentinel.settled())
        yield* Effect.promise(() => sentinel.failover())
        yield* Effect.promise(() => sentinel.settled())
      }
      const unasked = yield* run(["delete", "users", "43", ...where])
      assert.include(unasked.err, `Delete users:43 on ${name}, known to 127.0.0.1:${sentinels[0]!.port}, `)
      assert.notInclude(unasked.err, "nowhere.example")
      assert.strictEqual((yield* run(["delete", "users", "43", "--yes", ...where])).code, 0)
      assert.isFalse(yield* on(Cache.has(users, "43")))
    }))

  it.live("says what is wrong with its options", () =>
    Effect.gen(function*() {
      const { code, err } = yield* run(["ls", ...asked, "--master", "unknown", "--timeout", "1 second"])
      assert.strictEqual(code, 3)
      assert.include(err, "No such master with that name")
      const looked = yield* run(["doctor", ...asked, "--master", "unknown", "--timeout", "1 second"])
      assert.match(looked.out, /no connection to unknown, known to .*\n.*sentinel get-master-addr-by-name unknown/)
      assert.deepStrictEqual(yield* run(["ls", ...asked, "--cluster"]), {
        code: 2,
        out: "",
        err: "a cluster has no sentinels: leave out --cluster or --sentinel"
      })
      assert.strictEqual((yield* run(["ls", "--sentinel", "here"])).err, "--sentinel takes host:port, got here")
    }))
})
