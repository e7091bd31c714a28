/** The bytes under a tag's key: `golden/epochs.json` has a handwritten example of each form. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { RandomBytes } from "../../src/internal/bytes/randomBytes.js"
import * as Epoch from "../../src/internal/entry/epoch.js"
import { together } from "../../src/internal/entry/tags.js"

interface Golden {
  readonly form: string
  readonly hex: string
  readonly epoch: string
  /** The bytes after an expiry at that time, with `d1d2d3d4d5d60000` as random bytes. */
  readonly expired: { readonly at: number; readonly hex: string }
  /** The verdict on an entry with that epoch. */
  readonly entries: ReadonlyArray<{ readonly epoch: string; readonly state: "Hold" | "Broken" | number }>
}

const golden: ReadonlyArray<Golden> = JSON.parse(
  readFileSync(new URL("golden/epochs.json", import.meta.url), "utf8")
)

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("a tag's value", () => {
  for (const { entries, epoch, expired, form, hex } of golden) {
    it(`${form}: is read and expired as these bytes`, () => {
      const value = fromHex(hex)
      assert.isTrue(Epoch.isTagValue(value))
      assert.strictEqual(toHex(Epoch.of(value)), epoch)
      assert.strictEqual(
        toHex(Epoch.expired(value, expired.at, fromHex("d1d2d3d4d5d60000"))),
        expired.hex.replaceAll(" ", "")
      )
      for (const entry of entries) {
        assert.strictEqual(Epoch.since(fromHex(entry.epoch), value), entry.state, entry.epoch)
      }
    })
  }

  it("of another length is not an epoch", () => {
    for (const size of [0, 6, 7, 9, 13, 15, 16, 36]) {
      const value = new Uint8Array(size)
      assert.isFalse(Epoch.isTagValue(value))
      assert.strictEqual(Epoch.since(new Uint8Array(8), value), "Broken")
      assert.strictEqual(toHex(Epoch.expired(value, 1, fromHex("d1d2d3d4d5d60000"))), "d1d2d3d4d5d60000")
    }
    assert.strictEqual(Epoch.since(new Uint8Array(8), undefined), "Broken")
  })

  it("begins with a counter of zero", () => {
    const epoch = Epoch.make(new RandomBytes())
    assert.match(toHex(epoch), /^[0-9a-f]{12}0000$/)
    assert.notStrictEqual(toHex(epoch), toHex(Epoch.make(new RandomBytes())))
  })

  it("never returns to an earlier value, however often it is expired", () => {
    const random = new RandomBytes()
    const seen = new Set<string>()
    let value = Epoch.make(random)
    for (let i = 0; i < 200_000; i++) {
      const text = toHex(Epoch.of(value))
      assert.isFalse(seen.has(text))
      seen.add(text)
      value = Epoch.expired(value, i, Epoch.make(random))
    }
  })

  it("of several tags: a broken one decides, otherwise the first expiry", () => {
    assert.strictEqual(together([]), "Hold")
    assert.strictEqual(together(["Hold", "Hold"]), "Hold")
    assert.strictEqual(together(["Hold", 7, 5]), 5)
    assert.strictEqual(together([7, "Broken", 5]), "Broken")
  })
})
