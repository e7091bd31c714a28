/** Faults and operations that happen to the servers of a cluster. Each ends when all servers are healthy again. */
import { slotOf } from "../../../src/internal/redis/cluster/slots.js"
import { now } from "../processes/now.js"
import type * as RedisCluster from "../redisCluster.js"
import { replicationWindow, type Window } from "./lossWindows.js"

/** By name. If a master is lost, this adds a window to those in which acknowledged writes may be lost. */
export const clusterFaults = (
  cluster: RedisCluster.RedisCluster,
  /** Keys whose slots may be moved. */
  keys: ReadonlyArray<string>,
  windows: Array<Window>
): Readonly<Record<string, () => Promise<void>>> => {
  const someMaster = async () => {
    const masters = await cluster.masters()
    return masters[Math.floor(Math.random() * masters.length)]!
  }
  /** Until a replica has taken its place. */
  const lose = async (node: RedisCluster.Node, act: () => unknown) => {
    const at = now()
    windows.push({ from: at - replicationWindow, to: at })
    await act()
    await cluster.replaced(node)
  }
  return {
    "killed a master": async () => {
      const master = await someMaster()
      await lose(master, () => master.server.kill())
      await master.server.restart()
      await cluster.settled()
    },
    "stopped a master until it was replaced": async () => {
      const master = await someMaster()
      await lose(master, () => master.server.pause())
      // It still answers the last commands sent to it with its own data, until it hears that it was replaced.
      const window = { from: now() - replicationWindow, to: Infinity }
      windows.push(window)
      master.server.resume()
      await cluster.settled()
      window.to = now()
    },
    // Redis hands over without a loss: the old master waits until the new one has everything.
    "promoted a replica": async () => {
      const masters = await cluster.masters()
      await cluster.promote(cluster.nodes.find((node) => !masters.includes(node))!)
      await cluster.settled()
    },
    "moved slots and back": async () => {
      const slots = keys.map(slotOf)
      const homes = await Promise.all(slots.map((slot) => cluster.masterOf(slot)))
      const masters = await cluster.masters()
      const pause = () => new Promise((resolve) => setTimeout(resolve, 50))
      for (const [i, slot] of slots.entries()) {
        await cluster.move(slot, masters.find((node) => node !== homes[i])!, pause)
      }
      for (const [i, slot] of slots.entries()) await cluster.move(slot, homes[i]!)
    }
  }
}
