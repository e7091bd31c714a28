/** A sentinel whose answers, and their timing, a test controls: a real one cannot be made slow. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as net from "node:net"
import type { AddressInfo } from "node:net"

export interface FakeSentinel {
  readonly port: number
  /** How many clients listen for another master. */
  readonly subscribers: () => number
  /** Announces another master to all of them. */
  readonly switchMaster: () => void
  /** From now on, questions for the master's address get no answer. */
  readonly hold: () => void
  /** How many clients wait for that answer. */
  readonly held: () => number
  readonly release: () => void
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const list = (...texts: ReadonlyArray<string>): string => `*${texts.length}\r\n${texts.map(bulk).join("")}`

const start = async (masterPort: number) => {
  const subscribers = new Set<net.Socket>()
  const waiting: Array<() => void> = []
  let holds = false
  const answer = (socket: net.Socket, [name = "", ...args]: ReadonlyArray<string>): void => {
    switch (name.toLowerCase()) {
      case "sentinel": {
        if (args[0] !== "get-master-addr-by-name") return void socket.write("*0\r\n")
        const tell = () => void socket.write(list("127.0.0.1", String(masterPort)))
        return holds ? void waiting.push(tell) : tell()
      }
      case "subscribe":
        subscribers.add(socket)
        return void socket.write(`*3\r\n${bulk("subscribe")}${bulk(args[0]!)}:1\r\n`)
      case "hello":
        return void socket.write("-ERR unknown command\r\n")
      default:
        return void socket.write("+OK\r\n")
    }
  }
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      subscribers.delete(socket)
    })
    // The commands that it gets are short, and in one piece.
    socket.on("data", (bytes) => {
      for (const [command] of String(bytes).matchAll(/\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n)+/g)) {
        answer(socket, [...command.matchAll(/\$\d+\r\n([^\r]*)/g)].map(([, word]) => word!))
      }
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const sentinel: FakeSentinel = {
    port: (server.address() as AddressInfo).port, // it listens on a port
    subscribers: () => subscribers.size,
    switchMaster: () => {
      const here = `127.0.0.1 ${masterPort}`
      for (const socket of subscribers) socket.write(list("message", "+switch-master", `mymaster ${here} ${here}`))
    },
    hold: () => {
      holds = true
    },
    held: () => waiting.length,
    release: () => {
      holds = false
      for (const tell of waiting.splice(0)) tell()
    }
  }
  const stop = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { sentinel, stop }
}

export const make = (masterPort: number): Effect.Effect<FakeSentinel, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.promise(() => start(masterPort)), ({ stop }) => Effect.sync(stop)),
    ({ sentinel }) => sentinel
  )
