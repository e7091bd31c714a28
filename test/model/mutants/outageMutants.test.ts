import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { Recovery } from "../../../src/internal/driver/recovery/makeGood.js"
import { Remembered } from "../../../src/internal/driver/recovery/remembered.js"
import { focused } from "../arbitraries.js"
import { classIsCaught as caught } from "./bite.js"

describe("a mutant of outage handling is caught", () => {
  const hunt = { histories: focused.outages, seed: 1 }

  caught("dropped writes are not remembered", Recovery.prototype, { remember: () => Effect.void }, hunt)

  caught("a key that is to be removed is read", Remembered.prototype, { hides: () => false }, { ...hunt, seed: 10 })

  caught("what was missed is never made good", Remembered.prototype, { due: () => [] }, hunt)
})
