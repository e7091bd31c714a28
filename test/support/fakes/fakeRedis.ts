/** A server that speaks Redis's protocol and answers what a test says, right or wrong. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"

export type Words = ReadonlyArray<string>

/** A reply as it goes over the wire (`+OK\r\n`), or `undefined`: the answer of a healthy empty server. */
export type Answer = (words: Words) => string | undefined

export interface FakeRedis {
  readonly port: number
  /** Its answers from now on. */
  answer: Answer
}

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

/** Bytes in the form in which received ones are kept: one character each. */
export const latin1Bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

export const array = (...replies: ReadonlyArray<string>): string => `*${replies.length}\r\n${replies.join("")}`

const nothing = "$-1\r\n"

/** What `TIME` answers at a time in ms. */
export const time = (millis: number): string =>
  array(bulk(`${Math.floor(millis / 1000)}`), bulk(`${Math.floor((millis % 1000) * 1000)}`))

const asUsual = ([name, ...args]: Words): string => {
  switch (name!.toLowerCase()) {
    case "info":
      return bulk("redis_version:7.0.15\r\nloading:0\r\n")
    case "time":
      return time(Date.now())
    case "mget":
      return array(...args.map(() => nothing))
    case "evalsha":
    case "eval":
      return ":1\r\n"
    default:
      return "+OK\r\n"
  }
}

/** The complete commands at the beginning of the received text, and the rest. Latin-1: a character is a byte. */
const parse = (text: string): readonly [ReadonlyArray<Words>, string] => {
  const commands: Array<Words> = []
  for (;;) {
    const head = /^\*(\d+)\r\n/.exec(text)
    if (head === null) return [commands, text]
    let rest = text.slice(head[0].length)
    const words: Array<string> = []
    for (let i = 0; i < Number(head[1]); i++) {
      const size = /^\$(\d+)\r\n/.exec(rest)
      if (size === null || rest.length < size[0].length + Number(size[1]) + 2) return [commands, text]
      words.push(rest.slice(size[0].length, size[0].length + Number(size[1])))
      rest = rest.slice(size[0].length + Number(size[1]) + 2)
    }
    commands.push(words)
    text = rest
  }
}

export const make = (answer: Answer = () => undefined): Effect.Effect<FakeRedis, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<net.Socket>()
        const fake = { port: 0, answer }
        const server = net.createServer((socket) => {
          sockets.add(socket)
          socket.setEncoding("latin1").on("error", () => {}).on("close", () => sockets.delete(socket))
          let arrived = ""
          socket.on("data", (text: string) => {
            const [commands, rest] = parse(arrived + text)
            arrived = rest
            for (const words of commands) socket.write(fake.answer(words) ?? asUsual(words), "latin1")
          })
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        fake.port = (server.address() as net.AddressInfo).port // it listens on TCP
        return { fake, server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
    ),
    ({ fake }) => fake
  )
