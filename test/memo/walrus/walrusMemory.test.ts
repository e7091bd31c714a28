import { Duration, TestClock } from "effect"
import { RedisLayer } from "effect-redis-cache"
import { walrusTour } from "./walrusTour.js"

walrusTour("the in-memory layer", {
  layer: () => RedisLayer.layerMemory,
  live: false,
  second: Duration.seconds(1),
  sleep: (seconds) => TestClock.adjust(Duration.seconds(seconds))
})
