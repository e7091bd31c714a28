/** Time limits that share one timer. A turn of the event loop takes a ms when time is simulated. */
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { Deadlines, Limited } from "../../src/internal/redis/batch/deadlines.js"

class Task extends Limited {
  constructor(private readonly onExpire: () => void) {
    super()
  }

  expire(): void {
    this.onExpire()
  }
}

describe("time limits", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "performance"] })
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  /** When each expires, by name. */
  const expiries = () => {
    const began = performance.now()
    const seen: Record<string, number> = {}
    const task = (name: string, then: () => void = () => {}) =>
      new Task(() => {
        seen[name] = performance.now() - began
        then()
      })
    return { seen, task }
  }

  it("expire after their own time each, unless they were met", async () => {
    const deadlines = new Deadlines(100)
    const { seen, task } = expiries()
    const [a, b, c] = [task("a"), task("b"), task("c")]
    deadlines.start(a)
    await vi.advanceTimersByTimeAsync(30)
    deadlines.start(b)
    await vi.advanceTimersByTimeAsync(30)
    deadlines.start(c)
    deadlines.stop(b)
    await vi.advanceTimersByTimeAsync(500)
    assert.deepStrictEqual(seen, { a: 101, c: 161 })
  })

  it("are not delayed by one that begins when another ends", async () => {
    const deadlines = new Deadlines(100)
    const { seen, task } = expiries()
    deadlines.start(task("a", () => deadlines.start(task("c"))))
    await vi.advanceTimersByTimeAsync(30)
    deadlines.start(task("b"))
    await vi.advanceTimersByTimeAsync(500)
    assert.deepStrictEqual(seen, { a: 101, b: 131, c: 202 })
  })

  it("in progress end when everything closes, and none begins after that", async () => {
    const deadlines = new Deadlines(100)
    const { seen, task } = expiries()
    const [first, second, third] = [task("first"), task("second"), task("third")]
    for (const each of [first, second, third]) deadlines.start(each)
    deadlines.stop(second)
    await vi.advanceTimersByTimeAsync(10)
    deadlines.close()
    await vi.advanceTimersByTimeAsync(500)
    assert.deepStrictEqual(seen, { first: 10, third: 10 })
  })
})
