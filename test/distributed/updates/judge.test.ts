import { assert, describe, it } from "@effect/vitest"
import { type History, judge } from "./judge.js"

/** Row 7: version 1 by "a" ended at 10, version 2 by "b" at 20; the end of version 3 by "c" is unknown. */
const history = (seen: Partial<History>): History => ({
  commits: [{ row: 7, version: 1, writer: "a" }, { row: 7, version: 2, writer: "b" }, {
    row: 7,
    version: 3,
    writer: "c"
  }],
  ended: new Map([["a", 10], ["b", 20]]),
  reads: [],
  cached: [],
  ...seen
})

const read = (version: number, writer: string, began: number, row = 7) => ({ row, version, writer, began })

describe("the judge of updates", () => {
  it("accepts a read that returns the value current when it began, or a newer one", () => {
    const { reads, stale, uncommitted } = judge(history({
      reads: [
        read(0, "", 9),
        read(1, "a", 9),
        read(1, "a", 19),
        read(3, "c", 0),
        read(2, "b", 1_000),
        read(0, "", 1_000, 8)
      ]
    }))
    assert.deepStrictEqual([reads, stale, uncommitted], [6, 0, 0])
  })

  it("finds reads older than an update that had ended, even if it ended before an earlier one", () => {
    const { longest, stale } = judge(history({ reads: [read(0, "", 11), read(1, "a", 25)] }))
    assert.deepStrictEqual([stale, longest], [2, 5])
    const late = judge(history({ ended: new Map([["b", 20]]), reads: [read(0, "", 21)] }))
    assert.strictEqual(late.stale, 1)
  })

  it("finds values that were rolled back, even if their number was used again", () => {
    const { stale, uncommitted } = judge(history({ reads: [read(1, "rolled back", 5), read(4, "rolled back", 5)] }))
    assert.deepStrictEqual([stale, uncommitted], [0, 2])
  })

  it("finds cached values that differ from the committed ones at the end", () => {
    const { cached, examples, wrong } = judge(history({
      cached: [
        { row: 7, version: 3, writer: "c" },
        { row: 7, version: 2, writer: "b" },
        { row: 7, version: 3, writer: "rolled back" },
        { row: 8, version: 0, writer: "" }
      ]
    }))
    assert.deepStrictEqual([cached, wrong, examples.length], [4, 2, 2])
  })

  it("refuses to judge by a history with gaps", () => {
    assert.throws(() => judge(history({ commits: [{ row: 7, version: 2, writer: "b" }] })), /version 1 of row 7/)
  })
})
