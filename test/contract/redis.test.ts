import { RedisLayer } from "effect-redis-cache"
import { sharedRedisUrl } from "../support/sharedRedis.js"
import { contract } from "./suite.js"

contract("RedisLayer.layer", (prefix) => RedisLayer.layer({ url: sharedRedisUrl(), prefix }), "server")
