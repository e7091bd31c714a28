/** What only one process may get: `setIfAbsent` and `take`; and `flush` of a small cache of its own. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { now } from "../../support/processes/now.js"
import { commands } from "../recorder.js"
import { allKeys, type Bench, forever, type Work } from "./bench.js"

const claims = Cache.make({ name: "claims", schema: Schema.Number, timeToLive: "20 seconds" })
const prizes = Cache.make({ name: "prizes", schema: Schema.Number, timeToLive: "20 seconds" })

/** How long each claim and each prize is available, in ms. */
const round = 400

/** All processes number the rounds alike. */
const currentRound = (): number => Math.floor(now() / round)

const claim = (bench: Bench) => {
  const { index, recorder } = bench
  return forever(bench, round / 4, () => {
    const key = String(currentRound())
    const claimed = Cache.setIfAbsent(claims, key, index)
    return Effect.map(recorder.run("setIfAbsent", commands(3), claimed), (done) => {
      if (Either.isRight(done) && done.right.value) recorder.won("claim", key, index, done.right)
    })
  })
}

const take = (bench: Bench) => {
  const { index, recorder, workers } = bench
  let given = -1
  return forever(bench, round / 8, () => {
    const at = currentRound()
    const key = String(at)
    if (at !== given && at % workers === index) {
      given = at
      return Effect.asVoid(recorder.run("set", commands(1), Cache.set(prizes, key, index)))
    }
    return Effect.map(recorder.run("take", commands(1), Cache.take(prizes, key)), (done) => {
      if (Either.isRight(done) && Option.isSome(done.right.value)) recorder.won("prize", key, index, done.right)
    })
  })
}

/** How long a failed write may still be in transit, in ms: the network eventually delivers what it holds back. */
const onItsWay = 5_000

const flush = (bench: Bench) => {
  const { index, recorder } = bench
  const small = Cache.make({ name: `small${index}`, schema: Schema.Number, timeToLive: "1 minute" })
  const keys = allKeys(10)
  let sureFrom = 0
  return forever(bench, 900, () =>
    Effect.gen(function*() {
      const written = yield* recorder.run(
        "setMany",
        commands(1),
        Cache.setMany(small, keys.map((key) => [key, now()] as const))
      )
      if (Either.isLeft(written)) sureFrom = now() + onItsWay
      // Pages of all keys of the servers, with a command each.
      const flushed = yield* recorder.run("flush", commands(40), Cache.flush(small))
      if (Either.isRight(flushed)) { for (const key of keys) recorder.gone("flush", key, flushed.right) }
      const found = yield* recorder.run("getMany", commands(1), Cache.getMany(small, keys))
      if (Either.isLeft(found) || now() < sureFrom) return
      // An absent key has no value to judge by, so the cache's own count is used.
      if (Either.isRight(flushed)) recorder.check("flushed", true, () => "")
      for (const [key, started] of found.right.value) recorder.served("flush", key, started, found.right)
    }))
}

export const swaps: Work = { claim, take, flush }
