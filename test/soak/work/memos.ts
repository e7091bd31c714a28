/** Memoized functions, with a timeout for their callers, and asynchronous ones. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Empty } from "../../../src/CacheError.js"
import * as Memo from "../../../src/Memo.js"
import * as Pending from "../../../src/Pending.js"
import { lease } from "../protocol.js"
import { commands, loading } from "../recorder.js"
import { type Bench, forever, type Work } from "./bench.js"

interface Query {
  readonly page: number
  readonly words: ReadonlyArray<string>
  readonly since?: Date | undefined
}

const answer = (n: number, { page, since, words }: Query): string =>
  `${n} ${page} ${words.join("+")} ${since?.getTime() ?? ""}`

const slowest = 250

const compute = (n: number, query: Query) =>
  Effect.delay(Effect.sync(() => answer(n, query)), `${20 + (n * 37) % (slowest - 20)} millis`)

const policy = { schema: Schema.String, timeToLive: "600 millis", lease } as const

/** In ms. */
const timeout = 120

const patient = Memo.cached(compute, { ...policy, name: "patient", timeout })
const asynchronous = Memo.cachedAsync(compute, { ...policy, name: "asynchronous" })

const someCall = ({ random }: Bench): readonly [number, Query] => [
  random.between(0, 8),
  {
    page: random.between(1, 3),
    words: random.pick([["a"], ["a", "b"], ["a:b"], []]),
    ...(random.fraction() < 0.5 ? {} : { since: new Date(random.between(0, 2)) })
  }
]

/** Whether a caller that timed out did so for a reason. */
const isTimeout = (failure: unknown): boolean => failure instanceof Empty && failure.reason === "TimedOut"

const withTimeout = (bench: Bench) => {
  const { recorder } = bench
  const ask = forever(bench, 80, () => {
    const call = someCall(bench)
    // The read of Redis before the load has a command's time of its own.
    return Effect.map(recorder.run("memo", commands(1) + timeout, patient(...call)), (done) => {
      if (Either.isRight(done)) {
        recorder.check(
          "itsOwn",
          done.right.value === answer(...call),
          () => `${done.right.value}, of ${answer(...call)}`
        )
      } else if (done.left instanceof Empty) {
        const { left } = done
        recorder.check("typed", isTimeout(left), () => `memo: ${left.message}`)
      }
    })
  })
  const bust = forever(
    bench,
    500,
    () => Effect.asVoid(recorder.run("bust", commands(1), patient.bust(...someCall(bench))))
  )
  return Effect.all([ask, ask, bust], { concurrency: "unbounded", discard: true })
}

const async = (bench: Bench) => {
  const { random, recorder } = bench
  const ask = forever(bench, 100, () =>
    Effect.gen(function*() {
      const call = someCall(bench)
      const begun = yield* recorder.run("memo async", 0, asynchronous(...call))
      if (Either.isLeft(begun)) return
      const pending = begun.right.value
      const how = random.pick(["poll", "within", "await"] as const)
      const read = how === "poll"
        ? recorder.run("pending poll", 0, Pending.poll(pending))
        : how === "within"
        ? recorder.run("pending within", timeout, Pending.within(pending, timeout))
        : recorder.run("pending await", loading(slowest, lease.wait), Pending.await(pending))
      const done = yield* read
      if (Either.isRight(done)) {
        recorder.check(
          "itsOwn",
          done.right.value === answer(...call),
          () => `${done.right.value}, of ${answer(...call)}`
        )
      } else if (done.left instanceof Empty) {
        const { left } = done
        recorder.check(
          "typed",
          how === "poll" ? left.reason === "NotReady" : how === "within" && left.reason === "TimedOut",
          () => `pending ${how}: ${left.message}`
        )
      }
    }))
  return Effect.all([ask, ask], { concurrency: "unbounded", discard: true })
}

export const memos: Work = { withTimeout, async }
