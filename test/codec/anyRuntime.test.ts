/** Stored bytes do not depend on the runtime, even though some runtimes add fields of their own to URLs and errors. */
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { Codec } from "effect-redis-cache"
import { isDeepStrictEqual } from "node:util"

const codec = Codec.structural()

const context = { key: "users:42", maxSize: 16 * 1024 * 1024 }

const hex = (value: unknown): string =>
  Buffer.from(Either.getOrThrowWith(codec.encode(value, context), ({ detail }) => new Error(detail))).toString("hex")

const thrown = (f: () => unknown): unknown => {
  try {
    return f()
  } catch (error) {
    return error
  }
}

const parsed = new URL("http://a/?b=c")
parsed.searchParams.get("b")

const values: ReadonlyArray<readonly [value: unknown, bytes: string]> = [
  [new URL("a:b"), "92c40155a3613a62"],
  [parsed, "92c40155ad687474703a2f2f612f3f623d63"],
  [new Error("m"), "95c40158a54572726f7201a76d657373616765a16d"],
  [new Error(), "93c40158a54572726f7200"],
  [
    thrown(() => {
      throw new RangeError("m")
    }),
    "95c40158aa52616e67654572726f7201a76d657373616765a16d"
  ],
  // As Bun marks the place where an error was made.
  [
    Object.defineProperty(new Error("m"), "sourceURL", { value: "a.ts", enumerable: false }),
    "95c40158a54572726f7201a76d657373616765a16d"
  ],
  [new Error("m", { cause: 1 }), "97c40158a54572726f7202a76d657373616765a16da5636175736501"]
]

describe("a value of the runtime's own", () => {
  it("is written with the same bytes by every runtime", () => {
    for (const [value, bytes] of values) assert.strictEqual(hex(value), bytes)
  })

  it("comes back equal, and is written with the same bytes again", () => {
    for (const [value, bytes] of values) {
      const back = Either.getOrThrow(codec.decode(Buffer.from(bytes, "hex"), context))
      assert.isTrue(isDeepStrictEqual(back, value), bytes)
      assert.strictEqual(hex(back), bytes)
    }
  })

  it("is refused if you added a field to it", () => {
    for (const value of [new URL("a:b"), new Error("m"), new Date(0)]) {
      const refused = codec.encode(Object.assign(value, { [Symbol("yours")]: 1 }), context)
      assert.deepStrictEqual(Either.flip(refused).pipe(Either.getOrThrow).path, "$[Symbol(yours)]")
    }
  })
})
