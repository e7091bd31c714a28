/** Every promise of a driver, on a master that sentinels monitor. */
import { Effect } from "effect"
import { RedisLayer } from "effect-redis-cache"
import { afterAll } from "vitest"
import { drain } from "../../contract/drain.js"
import { contract } from "../../contract/suite.js"
import { startSentinel } from "../../support/redisSentinel.js"

const sentinel = await startSentinel()
afterAll(() => sentinel.stop())

contract("RedisLayer.layer with sentinels", (prefix) => RedisLayer.layer({ ...sentinel.options, prefix }), "server")

drain(
  "a master behind sentinels",
  (prefix) => RedisLayer.layer({ ...sentinel.options, prefix }),
  Effect.promise(() => sentinel.failover())
)
