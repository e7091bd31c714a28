/** A path to a server on which single connections can die silently, while later ones live. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { freePort } from "./freePort.js"

export interface Gateway {
  readonly port: number
  /** This many of the next connections are accepted, and never answered. */
  readonly swallow: (count: number) => void
  /** This many of the next connections are ended at their first word, as by a server that is full. */
  readonly hangUp: (count: number) => void
  /**
   * The next data sent, on any connection, is answered with this; after that, nothing on that connection is answered.
   */
  readonly answerOnce: (reply: string) => void
  /** How many connections were made, including swallowed ones. */
  readonly made: () => number
}

export const make = (targetPort: number): Effect.Effect<Gateway, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<net.Socket>()
      let made = 0
      let swallowing = 0
      let hangingUp = 0
      let lastWords: string | undefined
      const keep = (socket: net.Socket): net.Socket => {
        sockets.add(socket)
        return socket.on("error", () => {}).on("close", () => sockets.delete(socket))
      }
      const server = net.createServer((client) => {
        keep(client)
        made++
        if (swallowing > 0) {
          swallowing--
          client.resume()
          return
        }
        if (hangingUp > 0) {
          hangingUp--
          client.once("data", () => client.destroy())
          return
        }
        const upstream = keep(net.connect({ host: "127.0.0.1", port: targetPort }))
        client.on("close", () => upstream.destroy())
        upstream.on("close", () => client.destroy())
        let dead = false
        client.on("data", (bytes) => {
          if (lastWords !== undefined) {
            client.write(lastWords)
            lastWords = undefined
            dead = true
          }
          if (!dead) upstream.write(bytes)
        })
        upstream.on("data", (bytes) => {
          if (!dead) client.write(bytes)
        })
      })
      const port = await freePort()
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
      return {
        server,
        sockets,
        gateway: {
          port,
          swallow: (count: number) => {
            swallowing = count
          },
          hangUp: (count: number) => {
            hangingUp = count
          },
          answerOnce: (reply: string) => {
            lastWords = reply
          },
          made: () => made
        }
      }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  ).pipe(Effect.map(({ gateway }) => gateway))
