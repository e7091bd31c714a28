/** Reads of large values that wait for earlier answers: their order, their time limit, and what frees them. */
import { assert, describe, it } from "@effect/vitest"
import { afterEach, beforeEach, vi } from "vitest"
import type { Link } from "../../../src/internal/redis/batch/batch.js"
import { Batcher } from "../../../src/internal/redis/batch/batcher.js"
import { connectionError } from "../../../src/internal/redis/errors.js"
import type { Receiver } from "../../../src/internal/redis/port.js"
import { isOk } from "../../../src/internal/redis/replies.js"
import { nameOf, SetCommand, type Words } from "../../../src/internal/redis/resp/words.js"

const megabyte = 1024 * 1024
const large = Buffer.alloc(10 * megabyte)
const timeout = 100

/** A batcher over a link that answers when told to, for a cache whose values are known to be large. */
const make = () => {
  const sent: Array<{ readonly words: string; readonly answer: () => void }> = []
  const told: Array<string> = []
  const link = { state: "ready" as ReturnType<Link["state"]> }
  const send = (batch: ReadonlyArray<Words>, receiver: Receiver): void => {
    for (const [i, words] of batch.entries()) {
      const keys = words instanceof SetCommand ? [words.key] : words.slice(1).map(String)
      const values = keys.map((key) => key.startsWith("files:") ? large : Buffer.alloc(1))
      sent.push({
        words: [nameOf(words), ...keys].join(" "),
        answer: () => receiver.onReply(i, nameOf(words) === "mget" ? values : Buffer.from("OK"))
      })
    }
  }
  // Keys that are not in here are not read.
  const batcher = new Batcher(
    {
      client: { send },
      state: () => link.state,
      onceDecided: () => {},
      unanswered: () => {},
      failure: (operation: string) => connectionError(operation, "gone"),
      borrowed: false,
      figures: { roundTrip: () => {} },
      refusal: () => undefined
    } as unknown as Link,
    timeout,
    ""
  )
  const callback = (what: string) => ({
    answer: () => void told.push(what),
    fail: (error: Error) => void told.push(`${what}: ${error.message.replace(/.*: /, "")}`)
  })
  const read = (key: string) => batcher.read(`files:${key}`, callback(`read ${key}`))
  const write = (key: string) =>
    batcher.write({ key: `files:${key}`, bytes: Buffer.alloc(1), life: undefined }, callback(`write ${key}`))
  batcher.write({ key: "files:known", bytes: large, life: undefined }, callback("known"))
  return {
    batcher,
    link,
    read,
    write,
    readSmall: (key: string) => batcher.read(`small:${key}`, callback(`small ${key}`)),
    other: () => batcher.call("other", "other", [], isOk, callback("other")),
    told,
    words: () => sent.map(({ words }) => words.replaceAll("files:", "").replaceAll("small:", "")),
    answer: (i: number) => sent[i]!.answer()
  }
}

type Made = ReturnType<typeof make>

/** All requests that may leave have left. */
const turn = () =>
  new Promise<void>((resolve) => process.nextTick(() => queueMicrotask(() => process.nextTick(resolve))))

const begun = async (): Promise<Made> => {
  const made = make()
  await turn()
  made.answer(0)
  made.told.length = 0
  return made
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "performance"] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe("reads of large values", () => {
  it("wait for each other, are all answered, and small reads do not wait", async () => {
    const { answer, read, readSmall, told, words } = await begun()
    for (const key of ["a", "b", "c"]) read(key)
    readSmall("x")
    await turn()
    readSmall("y")
    await turn()
    assert.deepStrictEqual(words(), ["set known", "mget x", "mget a", "mget y"])
    answer(2)
    assert.deepStrictEqual(words().slice(4), ["mget b"])
    answer(4)
    answer(5)
    answer(3)
    answer(1)
    assert.deepStrictEqual(told, ["read a", "read b", "read c", "small y", "small x"])
  })

  it("keep their order to writes of their keys, before and after them", async () => {
    const { answer, read, write, words } = await begun()
    write("b")
    read("a")
    read("b")
    write("b")
    read("b")
    write("c")
    await turn()
    assert.deepStrictEqual(words().slice(1), ["set b", "mget a"])
    write("d")
    await turn()
    answer(2)
    assert.deepStrictEqual(words().slice(3), ["mget b", "set b"])
    answer(3)
    answer(4)
    assert.deepStrictEqual(words().slice(5), ["mget b", "set c", "set d"])
  })

  it("let writes of other keys pass, and nothing more once something else waits", async () => {
    const { answer, other, read, readSmall, write, words } = await begun()
    read("a")
    read("b")
    write("c")
    other()
    write("d")
    readSmall("x")
    await turn()
    assert.deepStrictEqual(words().slice(1), ["set c", "mget a"])
    answer(2)
    assert.deepStrictEqual(words().slice(3), ["mget b", "other", "set d", "mget x"])
  })

  it("fail with the connection: both those sent while it is lost, and those that wait", async () => {
    const { answer, link, read, told } = await begun()
    link.state = "down"
    for (const key of ["a", "b", "c"]) read(key)
    await turn()
    assert.deepStrictEqual(told, ["read a: gone", "read b: gone", "read c: gone"])
    link.state = "ready"
    for (const key of ["d", "e", "f"]) read(key)
    await turn()
    link.state = "down"
    answer(1)
    assert.deepStrictEqual(told.slice(3), ["read d", "read e: gone", "read f: gone"])
  })

  it("have their time limit from the call on, even while other answers arrive", async () => {
    const { answer, read, told, words } = await begun()
    for (const key of ["a", "b", "c"]) read(key)
    await turn()
    await vi.advanceTimersByTimeAsync(timeout - 10)
    answer(1)
    assert.deepStrictEqual(words().slice(2), ["mget b"])
    await vi.advanceTimersByTimeAsync(15)
    const late = `no answer within ${timeout} ms`
    assert.deepStrictEqual(told, ["read a", `read b: ${late}`, `read c: ${late}`])
    // It is too late, and ignored; there is room for others again.
    answer(2)
    read("d")
    await turn()
    answer(3)
    assert.deepStrictEqual(told.slice(3), ["read d"])
  })

  it("free whatever waits behind them when they time out", async () => {
    const { read, told, write, words } = await begun()
    read("a")
    read("b")
    await turn()
    await vi.advanceTimersByTimeAsync(timeout / 2)
    write("b")
    await turn()
    assert.deepStrictEqual(words().slice(1), ["mget a"])
    await vi.advanceTimersByTimeAsync(timeout / 2 + 5)
    assert.deepStrictEqual(words().slice(2), ["set b"])
    assert.lengthOf(told, 2)
  })

  it("end with the layer", async () => {
    const { batcher, read, told, write } = await begun()
    read("a")
    read("b")
    write("b")
    await turn()
    batcher.close()
    const closed = "the layer was closed"
    assert.sameMembers(told, [`read a: ${closed}`, `read b: ${closed}`, `write b: ${closed}`])
  })
})
