/** A cluster whose nodes a test simulates: one that never answers, one that redirects every command. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { Cluster as ClusterClient } from "ioredis"
import * as ioredis from "ioredis"
import * as Cluster from "../../src/internal/redis/cluster/cluster.js"
import { slotOf } from "../../src/internal/redis/cluster/slots.js"
import { driversOf } from "../../src/internal/redis/ioredis/drivers.js"
import type { Client, Events, Nodes } from "../../src/internal/redis/port.js"

type Ranges = ReadonlyArray<readonly [from: number, to: number, master: readonly [host: string, port: number]]>

/** Replies to a command, or leaves it unanswered if it returns `undefined`. */
type Play = (host: string, words: ReadonlyArray<unknown>) => unknown

const clientOf = (host: string, answers: boolean, play: Play): Client => {
  const all: Array<Partial<Events>> = []
  let status: Client["status"] = "wait"
  return {
    get status() {
      return status
    },
    borrowed: false,
    secure: false,
    overhear: () => Promise.resolve(new Uint8Array(0)),
    database: 0,
    place: { address: host, port: 1, database: 0 },
    socket: undefined,
    connect: () => {
      status = "connecting"
      if (!answers) return
      setImmediate(() => {
        status = "ready"
        for (const events of all) events.onReady?.()
      })
    },
    disconnect: () => {
      status = "end"
    },
    reconnect: () => {},
    openFeed: () => {
      throw new Error("no feed")
    },
    ask: (name) => Promise.resolve(name === "time" ? ["1700000000", "0"] : "OK"),
    send: (batch, receiver) =>
      void setImmediate(() => {
        for (const [i, words] of batch.entries()) {
          const reply = Array.isArray(words) ? play(host, words) : "OK"
          if (reply instanceof Error) receiver.onError(i, reply)
          else receiver.onReply(i, reply)
        }
      }),
    listen: (events) => {
      all.push(events)
      return () => {}
    }
  }
}

const nodesOf = (ranges: Ranges, silent: ReadonlyArray<string>, play: Play = () => null): Nodes => ({
  startNodes: () => Promise.resolve([{ host: "a", port: 1 }]),
  natMap: undefined,
  connect: ({ host }) => clientOf(host, !silent.includes(host), play),
  visit: () => ({
    status: "ready",
    connect: () => {},
    disconnect: () => {},
    listen: () => () => {},
    ask: () => Promise.resolve(ranges)
  })
})

const moved = (key: string, to: string): Error => {
  const error = new Error(`MOVED ${slotOf(key)} ${to}`)
  error.name = "ReplyError"
  return error
}

describe("a cluster", () => {
  it.scopedLive("is connected to, even though one of its masters never answers", () =>
    Effect.gen(function*() {
      const halves: Ranges = [[0, 8_191, ["a", 1]], [8_192, 16_383, ["b", 1]]]
      const connect = (silent: ReadonlyArray<string>) =>
        Effect.either(Cluster.connect(nodesOf(halves, silent), { prefix: "", commandTimeout: 200 }, 100))
      assert.isTrue(Either.isRight(yield* connect(["b"])))
      const none = yield* Effect.flatMap(connect(["a", "b"]), Effect.flip)
      assert.include(none.message, "no answer within 100 ms")
    }))

  it.scopedLive("reports moved slots once for all redirections that were read at once", () =>
    Effect.gen(function*() {
      let redirections = 0
      const play: Play = (host, [name, , , key]) => {
        if (host !== "a" || name !== "evalsha") return null
        redirections++
        return moved(String(key), "b:1")
      }
      const nodes = nodesOf([[0, 16_383, ["a", 1]]], [], play)
      const driver = yield* Cluster.connect(nodes, { prefix: "", commandTimeout: 5_000 }, 1_000)
      const before = driver.unsafeConnections()
      yield* driver.take(Array.from({ length: 1_000 }, (_, i) => `key${i}`))
      assert.strictEqual(redirections, 1_000)
      // They arrive in a few batches of replies.
      assert.isAtMost(driver.unsafeConnections() - before, 20)
    }))

  it.scopedLive("leaves no listener on a borrowed client whose nodes cannot be found", () =>
    Effect.gen(function*() {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new ClusterClient([{ host: "nowhere.invalid", port: 1 }], {
            dnsLookup: (_, callback) => callback(new Error("ENOTFOUND"), ""),
            clusterRetryStrategy: () => 100
          }).on("error", () => {})
        ),
        (opened) => Effect.sync(() => opened.disconnect())
      )
      const options = { prefix: "", commandTimeout: 20, connectTimeout: 20 }
      const driver = yield* driversOf(ioredis).borrowCluster(client, options)
      const own = client.listenerCount("+node")
      yield* Effect.exit(driver.take(["a"]))
      yield* Effect.sleep("1 second")
      yield* Effect.exit(driver.take(["a"]))
      assert.isAtMost(client.listenerCount("+node"), own + 1)
    }))
})
