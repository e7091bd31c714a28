/** A server's replies are read the same however they are split, and invalid bytes are never taken for an answer. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ProtocolError, Reader, ReplyError } from "../../../src/internal/redis/resp/reader.js"

/** What was read, in order: replies, error replies, and how it ended if it did. */
type Told = ReadonlyArray<readonly [what: "reply" | "error" | "end", value: unknown]>

/** Buffers and errors in a form that can be compared and read. */
const plain = (value: unknown): unknown =>
  Buffer.isBuffer(value)
    ? { bytes: value.toString("latin1") }
    : value instanceof Error
    ? { error: value.message, name: value.name }
    : Array.isArray(value)
    ? value.map(plain)
    : value

const read = (chunks: ReadonlyArray<Buffer>): Told => {
  const told: Array<readonly ["reply" | "error" | "end", unknown]> = []
  const reader = new Reader({
    onReply: (reply) => void told.push(["reply", plain(reply)]),
    onError: (error) => void told.push(["error", plain(error)])
  })
  try {
    for (const chunk of chunks) reader.read(chunk)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    told.push(["end", error.message])
  }
  return told
}

const cutAt = (bytes: Buffer, places: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const ends = [...new Set([...places.filter((place) => place > 0 && place < bytes.length), bytes.length])]
  return ends.sort((a, b) => a - b).map((end, i, all) => Buffer.from(bytes.subarray(i === 0 ? 0 : all[i - 1], end)))
}

const single = (bytes: Buffer): ReadonlyArray<Buffer> => cutAt(bytes, Array.from({ length: bytes.length }, (_, i) => i))

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

const text = (value: string) => ({ bytes: value })
const error = (message: string) => ({ error: message, name: "ReplyError" })

/** What is sent, and what it means. */
const cases: ReadonlyArray<readonly [sent: string, ...replies: ReadonlyArray<unknown>]> = [
  ["+OK\r\n", text("OK")],
  ["+\r\n", text("")],
  ["+QUEUED\r\n", text("QUEUED")],
  [":0\r\n:7\r\n:-42\r\n:+3\r\n", 0, 7, -42, 3],
  [":9007199254740993\r\n:9223372036854775807\r\n", 2 ** 53, 2 ** 63],
  ["$0\r\n\r\n", text("")],
  ["$5\r\nhello\r\n", text("hello")],
  ["$6\r\na\r\nb\r\n\r\n", text("a\r\nb\r\n")],
  ["$-1\r\n", null],
  ["*0\r\n", []],
  ["*-1\r\n", null],
  ["*3\r\n$1\r\na\r\n$-1\r\n:1\r\n", [text("a"), null, 1]],
  ["*2\r\n*1\r\n*0\r\n*2\r\n+a\r\n$1\r\nb\r\n", [[[]], [text("a"), text("b")]]],
  ["*2\r\n-ERR no\r\n+OK\r\n", [error("ERR no"), text("OK")]],
  // What the third version adds.
  ["_\r\n", null],
  ["#t\r\n#f\r\n", 1, 0],
  [",1.5\r\n,inf\r\n,-1e5\r\n", text("1.5"), text("inf"), text("-1e5")],
  ["(3492890328409238509324850943850943825024385\r\n", "3492890328409238509324850943850943825024385"],
  ["=9\r\ntxt:hello\r\n=4\r\nmkd:\r\n", text("hello"), text("")],
  ["%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n%0\r\n", [text("a"), 1, text("b"), [2]], []],
  ["~2\r\n+a\r\n+b\r\n", [text("a"), text("b")]],
  // An answer to no command.
  [">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n>0\r\n+OK\r\n", text("OK")],
  ["|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n|0\r\n:1\r\n", text("a"), 1],
  ["*2\r\n|1\r\n+a\r\n*1\r\n+b\r\n:1\r\n:2\r\n", [1, 2]]
]

const refusals: ReadonlyArray<readonly [sent: string, message: string]> = [
  ["-ERR unknown command\r\n", "ERR unknown command"],
  ["!11\r\nERR a\r\nline\r\n", "ERR a\r\nline"],
  ["-ERR \u00ff\r\n", "ERR \ufffd"],
  [Buffer.from("-ERR größe 日\r\n").toString("latin1"), "ERR größe 日"]
]

const senseless: ReadonlyArray<string> = [
  "x\r\n",
  "\r\n",
  "HTTP/1.1 400 Bad Request\r\n\r\n",
  "$\r\n",
  "$a\r\n",
  "$1x\r\n",
  "$-2\r\n",
  "$3\r\nabcd\r\n",
  "$1\r\nab\r\n",
  "$1\r\na1\n",
  "$1\r\na\rb",
  "$99999999999\r\n",
  "$5\rhello\r\n",
  "=-1\r\n",
  "!-1\r\n",
  "=3\r\ntxt\r\n",
  "*-2\r\n",
  "~-1\r\n",
  "%-1\r\n",
  ">-1\r\n",
  "|-1\r\n",
  "*a\r\n",
  ":\r\n",
  ":-\r\n",
  ":1.5\r\n",
  "+a\rb\r\n",
  "#x\r\n",
  "#\r\n",
  "*1\r\n>1\r\n+a\r\n",
  // Streamed, which Redis is not known to do.
  "$?\r\n;4\r\nabcd\r\n;0\r\n",
  "*?\r\n:1\r\n.\r\n"
]

describe("a reply", () => {
  for (const [sent, ...replies] of cases) {
    it(`${JSON.stringify(sent)} means the same, whole and byte by byte`, () => {
      const expected = replies.map((reply) => ["reply", reply] as const)
      const bytes = latin1(sent)
      assert.deepStrictEqual(read([bytes]), expected)
      assert.deepStrictEqual(read(single(bytes)), expected)
      for (let i = 1; i < bytes.length; i++) assert.deepStrictEqual(read(cutAt(bytes, [i])), expected)
      // Whatever came before it, and comes after.
      assert.deepStrictEqual(read([latin1(`:1\r\n${sent}:2\r\n`)]), [["reply", 1], ...expected, ["reply", 2]])
    })
  }

  for (const [sent, message] of refusals) {
    it(`${JSON.stringify(sent)} is a refusal`, () => {
      const expected: Told = [["error", error(message)]]
      for (const chunks of [[latin1(sent)], single(latin1(sent))]) {
        assert.deepStrictEqual(read(chunks), expected)
      }
    })
  }

  for (const sent of senseless) {
    it(`${JSON.stringify(sent)} is not an answer`, () => {
      for (const chunks of [[latin1(sent)], single(latin1(sent))]) {
        const told = read(chunks)
        assert.deepStrictEqual(told.map(([what]) => what), ["end"])
      }
      assert.deepStrictEqual(read([latin1(`+a\r\n${sent}`)])[0], ["reply", text("a")])
    })
  }

  it("gives nothing before it is complete", () => {
    for (const [sent, ...replies] of cases) {
      const bytes = latin1(sent)
      for (let i = 1; i < bytes.length; i++) {
        const told = read([bytes.subarray(0, i)])
        assert.deepStrictEqual(told, replies.slice(0, told.length).map((reply) => ["reply", reply]))
        assert.isBelow(told.length, replies.length)
      }
    }
  })

  it("of many megabytes is assembled once, from any number of pieces", () => {
    const value = Buffer.alloc(5_000_000, "0123456789")
    const bytes = Buffer.concat([latin1(`*3\r\n:1\r\n$${value.length}\r\n`), value, latin1("\r\n:2\r\n+OK\r\n")])
    for (const size of [1_000, 65_536, 4_999_999]) {
      const places = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => i * size)
      const replies: Array<unknown> = []
      const reader = new Reader({ onReply: (reply) => void replies.push(reply), onError: () => {} })
      for (const chunk of cutAt(bytes, places)) reader.read(chunk)
      const [[one, large, two], ok] = replies as [[number, Buffer, number], Buffer]
      assert.deepStrictEqual([one, two, ok.toString()], [1, 2, "OK"])
      assert.isTrue(value.equals(large))
    }
  })

  it("of many items is complete", () => {
    const items = Array.from({ length: 10_000 }, (_, i) => i)
    const bytes = latin1(`*${items.length}\r\n${items.map((i) => `:${i}\r\n`).join("")}`)
    assert.deepStrictEqual(read([bytes]), [["reply", items]])
    assert.deepStrictEqual(read(cutAt(bytes, [5, 17, 1_000, 50_000])), [["reply", items]])
  })

  it("that claims to be endless takes no room before its bytes arrive", () => {
    const before = process.memoryUsage().rss
    for (const sent of ["*2000000000\r\n", "%2000000000\r\n", "$2000000000\r\n", "*4294967296\r\n:1\r\n"]) {
      assert.deepStrictEqual(read([latin1(sent)]), [])
    }
    assert.isBelow(process.memoryUsage().rss - before, 100_000_000)
  })

  it("that is endless on one line, or endlessly deep, ends the connection", () => {
    const line = Buffer.alloc(100_000, "a")
    assert.deepStrictEqual(read([latin1("+"), ...Array.from({ length: 20 }, () => line)]).map(([what]) => what), [
      "end"
    ])
    assert.deepStrictEqual(read([latin1("*1\r\n".repeat(1_000))]).map(([what]) => what), ["end"])
  })
})

// ---- any replies, cut anywhere, and mutated

interface Sent {
  readonly bytes: string
  readonly value: unknown
}

const line = fc.string({ unit: fc.constantFrom("a", "B", " ", "0", "é", "\u0000"), maxLength: 12 })
const bytes = fc.string({ unit: fc.constantFrom("a", "\r", "\n", "$", "*", "\u00ff", "1"), maxLength: 40 })

const { reply } = fc.letrec<{ reply: Sent; leaf: Sent; list: Sent }>((tie) => ({
  reply: fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("list")),
  leaf: fc.oneof(
    line.map((value) => ({ bytes: `+${value}\r\n`, value: text(value) })),
    bytes.map((value) => ({ bytes: `$${value.length}\r\n${value}\r\n`, value: text(value) })),
    bytes.map((value) => ({ bytes: `=${value.length + 4}\r\ntxt:${value}\r\n`, value: text(value) })),
    line.map((value) => ({ bytes: `-${value}\r\n`, value: error(Buffer.from(value, "latin1").toString()) })),
    fc.maxSafeInteger().map((value) => ({ bytes: `:${value}\r\n`, value: value === 0 ? 0 : value })),
    fc.bigInt().map((value) => ({ bytes: `(${value}\r\n`, value: String(value) })),
    fc.boolean().map((value) => ({ bytes: `#${value ? "t" : "f"}\r\n`, value: value ? 1 : 0 })),
    fc.double().map((value) => ({ bytes: `,${value}\r\n`, value: text(String(value)) })),
    fc.constantFrom("$-1\r\n", "*-1\r\n", "_\r\n").map((sent) => ({ bytes: sent, value: null }))
  ),
  list: fc.oneof(
    fc.tuple(fc.constantFrom("*", "~"), fc.array(tie("reply"), { maxLength: 5 })).map(([type, items]) => ({
      bytes: `${type}${items.length}\r\n${items.map((item) => item.bytes).join("")}`,
      value: items.map(({ value }) => value)
    })),
    fc.array(fc.tuple(tie("reply"), tie("reply")), { maxLength: 3 }).map((pairs) => ({
      bytes: `%${pairs.length}\r\n${pairs.map(([key, value]) => key.bytes + value.bytes).join("")}`,
      value: pairs.flatMap(([key, value]) => [key.value, value.value])
    }))
  )
}))

/** Several replies, with pushes between them. */
const stream = fc.array(
  fc.tuple(
    fc.constantFrom("", "", ">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n", "|1\r\n+key\r\n$2\r\n\r\n\r\n"),
    reply
  ),
  { minLength: 1, maxLength: 6 }
)

const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 20 })

const isRefusal = (value: unknown): boolean => typeof value === "object" && value !== null && "error" in value

describe("any stream of replies", () => {
  it("is read in order, wherever it is cut", () => {
    fc.assert(
      fc.property(stream, cuts, (sent, places) => {
        const whole = latin1(sent.map(([between, { bytes: one }]) => between + one).join(""))
        const expected: Told = sent.map(([, { value }]) => [isRefusal(value) ? "error" : "reply", value])
        assert.deepStrictEqual(read([whole]), expected)
        assert.deepStrictEqual(read(cutAt(whole, places)), expected)
        assert.deepStrictEqual(read(single(whole)), expected)
      }),
      { numRuns: 400 }
    )
  })

  it("that was changed in transit is read the same wherever it is cut, and ends only in a protocol error", () => {
    const change = fc.record({
      at: fc.nat({ max: 300 }),
      what: fc.constantFrom("replace", "insert", "delete", "repeat"),
      byte: fc.oneof(fc.constantFrom(...Buffer.from("\r\n+-:$*%~>|=!#,(_0123456789?t")), fc.nat({ max: 255 }))
    })
    fc.assert(
      fc.property(stream, fc.array(change, { minLength: 1, maxLength: 4 }), cuts, (sent, changes, places) => {
        let whole = latin1(sent.map(([between, { bytes: one }]) => between + one).join(""))
        let first = whole.length
        for (const { at, byte, what } of changes) {
          const place = at % whole.length
          first = Math.min(first, place)
          const before = whole.subarray(0, place)
          const after = whole.subarray(place + 1)
          whole = Buffer.concat(
            what === "replace"
              ? [before, Buffer.of(byte), after]
              : what === "insert"
              ? [before, Buffer.of(byte), whole.subarray(place)]
              : what === "delete"
              ? [before, after]
              : [whole, whole.subarray(place, place + 40)]
          )
          if (whole.length === 0) return
        }
        const told = read([whole])
        assert.deepStrictEqual(read(cutAt(whole, places)), told)
        assert.deepStrictEqual(read(single(whole)), told)
        // The replies before the change were read unchanged.
        let end = 0
        for (const [i, [between, { bytes: one, value }]] of sent.entries()) {
          end += between.length + one.length
          if (end > first) break
          assert.deepStrictEqual(told[i], [isRefusal(value) ? "error" : "reply", value])
        }
      }),
      { numRuns: 1_500 }
    )
  })
})

describe("an error reply", () => {
  it("has the name that clients give it", () => {
    const error = new ReplyError("ERR no")
    assert.strictEqual(error.name, "ReplyError")
    assert.instanceOf(error, Error)
  })
})
