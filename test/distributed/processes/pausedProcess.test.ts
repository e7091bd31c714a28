/** A process that stood still for longer than `maxStaleness`, without noticing. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "./fleet.js"

const maxStaleness = 400
const cache = { name: "paused", near: { capacity: 100, maxStaleness } }

layer(Fleet.layer, { excludeTestServices: true })("a process that was suspended and resumed", (it) => {
  it.scoped("does not answer its first read from memory", () =>
    Effect.gen(function*() {
      const fleet = yield* Fleet.Fleet
      const [reader, writer] = yield* fleet.connect(2, { url: sharedRedisUrl(), prefix: uniquePrefix(), cache })
      const write = writer!.ask({ op: "writeVersions", keys: 1, perSecond: 100, forMillis: 10 })
      const read = Effect.map(reader!.ask({ op: "readVersions", keys: 1, forMillis: 20 }), (report) => report.nearHits)
      for (let round = 0; round < 5; round++) {
        yield* write
        // Until copies are served.
        for (let before = yield* read; (yield* read) === before;) before = yield* read
        yield* reader!.pause
        // It reads before it hears of the change: both are waiting for it when it resumes.
        const first = yield* Effect.fork(reader!.ask({ op: "get", key: "0" }))
        yield* Effect.sleep(2 * maxStaleness)
        yield* writer!.ask({ op: "delete", key: "0" })
        yield* reader!.resume
        assert.isNull(yield* Fiber.join(first))
      }
    }), 60_000)
})
