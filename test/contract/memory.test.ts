import { RedisLayer } from "effect-redis-cache"
import { contract } from "./suite.js"

const server = RedisLayer.memoryServer()

contract("RedisLayer.layerMemoryServer", (prefix) => RedisLayer.layerMemoryServer(server, { prefix }), "TestClock")
