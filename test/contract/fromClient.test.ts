import { RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { afterAll } from "vitest"
import { sharedRedisUrl } from "../support/sharedRedis.js"
import { contract } from "./suite.js"

const client = new Client(sharedRedisUrl(), { autoResendUnfulfilledCommands: false })
afterAll(() => client.disconnect())

contract("RedisLayer.layerFromClient", (prefix) => RedisLayer.layerFromClient(client, { prefix }), "server")
