import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache } from "effect-redis-cache"
import { collectGarbage } from "../support/collectGarbage.js"
import { instances } from "./watchedInstances.js"

describe("caches made on the fly", () => {
  it.scoped("leave nothing behind, even though each has a name of its own", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      let most = 0
      for (let turn = 0; turn < 8; turn++) {
        for (let n = 0; n < 100; n++) {
          yield* first.run(Cache.get(Cache.make({ name: `cache ${turn} ${n}`, near: { capacity: 1 } }), "42"))
        }
        // Whatever one turn of the event loop has looked up is kept until that turn is over.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        collectGarbage()
        most = Math.max(most, first.service.runtime.near.names)
      }
      assert.isAtMost(most, 400)
    }))
})
