/** How commands are written: the same bytes as the simplest implementation writes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Argument, Request, roomFor, roomForHead } from "../../../src/internal/redis/resp/request.js"

const bytesOf = (argument: Argument): Buffer => typeof argument === "object" ? argument : Buffer.from(String(argument))

const plainly = (commands: ReadonlyArray<ReadonlyArray<Argument>>): Buffer =>
  Buffer.concat(commands.flatMap((words) => [
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${bytesOf(word).length}\r\n`), bytesOf(word), Buffer.from("\r\n")])
  ]))

const roomOf = (words: ReadonlyArray<Argument>): number => words.reduce<number>((sum, word) => sum + roomFor(word), 0)

const written = (commands: ReadonlyArray<ReadonlyArray<Argument>>): Buffer => {
  const room = commands.reduce((sum, words) => sum + roomForHead + roomOf(words), 0)
  const request = new Request(room)
  for (const words of commands) {
    request.begin(words.length)
    for (const word of words) request.add(word)
  }
  return request.result()
}

// Any UTF-16 code units, including halves of surrogate pairs.
const text = fc.oneof(
  fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((units) => String.fromCharCode(...units))
)

const argument: fc.Arbitrary<Argument> = fc.oneof(
  text,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.maxSafeInteger(),
  fc.double()
)

describe("a request", () => {
  it("is what the protocol says", () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(argument, { minLength: 1, maxLength: 12 }), { maxLength: 8 }),
        (commands) => assert.deepStrictEqual(written(commands), plainly(commands))
      ),
      { numRuns: 2_000 }
    ))

  it("holds more than a hundred arguments, and long ones", () => {
    const commands = [
      Array.from({ length: 1_234 }, (_, i) => `key:${i}`),
      ["ä".repeat(128), "ä".repeat(129), "x".repeat(128), "x".repeat(129), `${"x".repeat(127)}€`, "\u{1f600}"],
      [Buffer.alloc(100_000, 7), Number.MAX_SAFE_INTEGER, -Number.MAX_VALUE, Number.MIN_VALUE, 0]
    ]
    assert.deepStrictEqual(written(commands), plainly(commands))
  })
})
