/** Values that fill Redis, so that it has something to evict. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { commands } from "../recorder.js"
import { type Bench, forever, type Work } from "./bench.js"

const big = Cache.make({ name: "ballast", schema: Schema.String, timeToLive: "20 seconds", jitter: 0.3 })

const fill = (bench: Bench) => {
  const { index, recorder } = bench
  const value = "b".repeat(8_000)
  return forever(
    bench,
    50,
    (turn) => Effect.asVoid(recorder.run("set", commands(1), Cache.set(big, `${index} ${turn}`, value)))
  )
}

export const ballast: Work = { fill }
