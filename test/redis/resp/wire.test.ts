/** Which command each answer belongs to: in the order of sending, each once, and none after the socket is closed. */
import { assert, describe, it, vi } from "@effect/vitest"
import type { Receiver } from "../../../src/internal/redis/port.js"
import { Wire } from "../../../src/internal/redis/resp/wire.js"
import type { Words } from "../../../src/internal/redis/resp/words.js"

const set = (name: string): Words => ["set", name, "1"]

/** A wire over a socket that only records what happens to it. */
const make = () => {
  const written: Array<string> = []
  const refused: Array<string> = []
  const told: Array<string> = []
  const stream = {
    writable: true,
    ended: undefined as Error | undefined,
    write: (data: string | Buffer) => written.push(String(data)),
    destroy: (error: Error) => {
      stream.writable = false
      stream.ended ??= error
    }
  }
  const wire = new Wire(stream, (error) => refused.push(error.message))
  const receiver = (name: string, then: (index: number) => void = () => {}): Receiver => ({
    onReply: (index, reply) => {
      told.push(`${name}${index}: ${Buffer.isBuffer(reply) ? reply.toString() : JSON.stringify(reply)}`)
      then(index)
    },
    onError: (index, error) => {
      told.push(`${name}${index} failed: ${(error as Error).message}`)
      then(index)
    }
  })
  return { stream, wire, written, refused, told, receiver, read: (text: string) => wire.read(Buffer.from(text)) }
}

describe("a wire", () => {
  it("writes a batch in one piece, and delivers answers in the order of sending", () => {
    const { read, receiver, told, wire, written } = make()
    wire.send([set("a"), set("b"), set("c")], receiver("x"))
    wire.send([["get", "a"]], receiver("y"))
    assert.lengthOf(written, 2)
    assert.strictEqual(written[0]!.match(/set\r/g)?.length, 3)
    read("+OK\r\n+OK\r")
    assert.deepStrictEqual(told, ["x0: OK"])
    read("\n:3\r\n$1\r\n1\r\n")
    wire.send([["get", "b"]], receiver("z"))
    read("$-1\r\n")
    assert.deepStrictEqual(told, ["x0: OK", "x1: OK", "x2: 3", "y0: 1", "z0: null"])
  })

  it("gives a command sent within an answer its own place", () => {
    const { read, receiver, told, wire } = make()
    wire.send([set("a"), set("b")], receiver("x", () => wire.send([set("c")], receiver("again"))))
    wire.send([set("d")], receiver("y"))
    read("+1\r\n+2\r\n+3\r\n+4\r\n+5\r\n")
    assert.deepStrictEqual(told, ["x0: 1", "x1: 2", "y0: 3", "again0: 4", "again0: 5"])
  })

  it("reports a refusal, and then the command that it belongs to", () => {
    const { read, receiver, refused, told, wire } = make()
    wire.send([set("a"), set("b")], receiver("x", () => told.push(...refused)))
    read("-READONLY no\r\n*1\r\n-ERR inside\r\n")
    assert.deepStrictEqual(refused, ["READONLY no"])
    assert.deepStrictEqual(told.slice(0, 2), ["x0 failed: READONLY no", "READONLY no"])
    assert.strictEqual(told[2], "x1: [{\"name\":\"ReplyError\"}]")
  })

  it("fails unanswered commands when it ends, in their order, and sends nothing more", () => {
    const { read, receiver, stream, told, wire, written } = make()
    wire.send([set("a"), set("b")], receiver("x"))
    wire.send([set("c")], receiver("y", () => wire.send([set("d")], receiver("later"))))
    read("+1\r\n")
    stream.writable = false
    wire.end(new Error("reset"))
    assert.deepStrictEqual(told, [
      "x0: 1",
      "x1 failed: reset",
      "y0 failed: reset",
      "later0 failed: not sent: the connection is being closed"
    ])
    assert.lengthOf(written, 2)
    wire.end(new Error("again"))
    read("+2\r\n")
    assert.lengthOf(told, 4)
  })

  it("gives up its socket on an answer to no command", () => {
    const { read, receiver, stream, told, wire } = make()
    wire.send([set("a")], receiver("x"))
    read("+OK\r\n+OK\r\n")
    assert.strictEqual(stream.ended?.name, "ProtocolError")
    wire.send([set("b")], receiver("y"))
    assert.deepStrictEqual(told, ["x0: OK", "y0 failed: not sent: the connection is being closed"])
  })

  it("gives up its socket on invalid bytes, and takes nothing after them for an answer", () => {
    const { read, receiver, stream, told, wire } = make()
    wire.send([set("a"), set("b"), set("c")], receiver("x"))
    read("+OK\r\n$-2\r\n")
    assert.strictEqual(stream.ended?.name, "ProtocolError")
    read("+OK\r\n")
    assert.deepStrictEqual(told, ["x0: OK"])
    wire.end(stream.ended!)
    assert.deepStrictEqual(told, [
      "x0: OK",
      "x1 failed: a string of -2 bytes",
      "x2 failed: a string of -2 bytes"
    ])
  })

  it("keeps a defect in one callback from the others' answers", () => {
    const { read, receiver, told, wire } = make()
    const defect = () => {
      throw new Error("a defect")
    }
    wire.send([set("a"), set("b"), set("c")], receiver("x", (index) => index < 2 ? defect() : undefined))
    wire.send([set("d")], receiver("y", defect))
    wire.send([set("e")], receiver("z"))
    const ticks: Array<() => void> = []
    const later = vi.spyOn(process, "nextTick").mockImplementation((tick) => void ticks.push(tick as () => void))
    try {
      read("+1\r\n-ERR 2\r\n+3\r\n")
      wire.end(new Error("reset"))
    } finally {
      later.mockRestore()
    }
    assert.deepStrictEqual(told, ["x0: 1", "x1 failed: ERR 2", "x2: 3", "y0 failed: reset", "z0 failed: reset"])
    assert.lengthOf(ticks, 3)
    for (const tick of ticks) assert.throws(tick, "a defect")
  })

  it("sends one command, with its reply as text", async () => {
    const { read, wire } = make()
    const asked = [wire.ask(["time"]), wire.ask(["client", "ID"]), wire.ask(["ping"])]
    read("*2\r\n$1\r\n1\r\n*1\r\n+a\r\n:7\r\n-ERR no\r\n")
    assert.deepStrictEqual(await Promise.all(asked.slice(0, 2)), [["1", ["a"]], 7])
    const error: unknown = await asked[2]!.catch((cause: unknown) => cause)
    assert.strictEqual(error instanceof Error && `${error.name}: ${error.message}`, "ReplyError: ERR no")
  })
})
