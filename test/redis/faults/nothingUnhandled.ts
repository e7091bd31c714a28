import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll } from "vitest"

/** After all tests of a file: none of their failures was left unhandled. */
export const nothingUnhandled = (): void => {
  const unhandled: Array<unknown> = []
  const note = (event: unknown): void => void unhandled.push(event)
  const events = ["unhandledRejection", "uncaughtExceptionMonitor", "warning"] as const
  for (const event of events) process.on(event, note)
  afterAll(() => {
    for (const event of events) process.off(event, note)
  })

  describe("all of these", () => {
    it.live("left nothing unhandled, and no warning", () =>
      Effect.gen(function*() {
        yield* Effect.sleep(50)
        assert.deepStrictEqual(unhandled, [])
      }))
  })
}
