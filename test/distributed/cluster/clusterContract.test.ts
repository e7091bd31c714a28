/** Every promise of a driver, on a cluster of three masters and three replicas. */
import { RedisLayer } from "effect-redis-cache"
import { Cluster } from "ioredis"
import { afterAll } from "vitest"
import { contract } from "../../contract/suite.js"
import { patientTimeout, startCluster } from "../../support/redisCluster.js"

const cluster = await startCluster(patientTimeout)
const client = new Cluster([...cluster.addresses])
afterAll(async () => {
  client.disconnect()
  await cluster.stop()
})

contract("RedisLayer.layerCluster", (prefix) => RedisLayer.layerCluster(cluster.addresses, { prefix }), "server")
contract(
  "RedisLayer.layerFromClient of a Cluster",
  (prefix) => RedisLayer.layerFromClient(client, { prefix }),
  "server"
)
