/** The command line on a healthy cluster, and on one that is incomplete. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache, Fleet, RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { run } from "../../cli/terminal.js"
import { startCluster } from "../../support/redisCluster.js"

const cluster = await startCluster()
afterAll(() => cluster.stop())

const urls = cluster.addresses.map(({ host, port }) => `redis://${host}:${port}`)

const where = ["--url", urls.join(","), "--cluster", "--timeout", "10 seconds"]

const users = Cache.make({ name: "users", timeToLive: "1 hour" })

describe("on a cluster", () => {
  it.live("ls, keys and flush see all masters", () =>
    Effect.gen(function*() {
      yield* Cache.setMany(users, Array.from({ length: 200 }, (_, i) => [`${i}`, i])).pipe(
        Effect.provide(RedisLayer.layerCluster(urls))
      )
      const { caches } = JSON.parse((yield* run(["ls", "--json", ...where])).out)
      assert.deepInclude(caches[0], { name: "users", keys: 200 })
      assert.strictEqual(
        (yield* run(["keys", "users", "--limit", "1000", "--json", ...where])).out.split("\n").length,
        200
      )
      assert.strictEqual((yield* run(["get", "users", "42", ...where])).out, "42")
      assert.strictEqual((yield* run(["flush", "users", "--yes", "--json", ...where])).out, "{\"removed\":200}")
    }))

  it.live("doctor finds it healthy", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["doctor", "--json", ...where])
      const findings: ReadonlyArray<Fleet.Finding> = JSON.parse(out)
      const of = (check: Fleet.Finding["check"]) => findings.filter((each) => each.check === check)
      assert.match(of("cluster")[0]!.message, /^\d+ masters, all slots covered$/)
      assert.strictEqual(of("rights")[0]!.level, "ok")
      assert.isTrue(of("version").every(({ message }) => /^[\d.]+:\d+: Redis/.test(message)))
    }))

  it.live("doctor says that one of its servers is not the whole cluster", () =>
    Effect.gen(function*() {
      const { code, out } = yield* run(["doctor", "--url", urls[0]!])
      assert.strictEqual(code, 1)
      assert.match(out, /✗ cluster +this server is one of a cluster.*\n.*layerCluster \(--cluster\)/)
    }))

  it.live("doctor says that no server has a slot, and what to do", () =>
    Effect.gen(function*() {
      const owner = yield* Effect.promise(() => cluster.masterOf(7))
      yield* Effect.promise(async () => {
        for (const { client } of cluster.nodes) await client.cluster("DELSLOTS", 7).catch(() => undefined)
      })
      const found = yield* Fleet.doctor.pipe(
        Effect.provide(RedisLayer.layerCluster(urls)),
        Effect.repeat({
          until: (all) => all.some(({ check, level }) => check === "cluster" && level === "bad"),
          times: 100
        })
      )
      const [{ advice, message }] = found.filter(({ check }) => check === "cluster") as [Fleet.Finding] // as just awaited
      assert.match(message, /1 of 16384 slots have no server: the whole cluster refuses commands/)
      assert.match(Option.getOrThrow(advice), /redis-cli --cluster fix/)
      assert.strictEqual(found.filter(({ check }) => check === "rights")[0]?.level, "unknown")
      assert.strictEqual((yield* run(["doctor", ...where])).code, 1)
      yield* Effect.promise(() => owner.client.cluster("ADDSLOTS", 7))
    }))
})
