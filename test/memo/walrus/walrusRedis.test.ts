import { Duration, Effect } from "effect"
import { RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import { walrusTour } from "./walrusTour.js"

const second = Duration.millis(200)

walrusTour("Redis", {
  layer: () => RedisLayer.layer({ url: sharedRedisUrl(), prefix: uniquePrefix() }),
  live: true,
  second,
  sleep: (seconds) => Effect.sleep(Duration.times(second, seconds))
})
