/** A mixed load on one process, and what it saw: for tests that disturb the servers meanwhile. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Cache from "../../../src/Cache.js"
import type { CodecError, RedisError } from "../../../src/CacheError.js"
import type { Redis } from "../../../src/Redis.js"
import { now } from "../../support/processes/now.js"
import { unhandled } from "../../support/processes/unhandled.js"
import type { MixedLoad, MixedReport } from "../processes/fleetProtocol.js"

const writePause = 20
export const countPause = 20
const readPause = 2

export const mixed = (
  versions: Cache.Cache<string, string>,
  { commandTimeout, forMillis, keys, owner, owners }: MixedLoad
): Effect.Effect<MixedReport, never, Redis> =>
  Effect.gen(function*() {
    const counts = Cache.counter({ name: "counts" })
    const tagged = Cache.make({ name: "tagged", tags: (key: string) => [`of ${key}`] })
    const lag = monitorEventLoopDelay({ resolution: 5 })
    lag.enable()
    const end = now() + forMillis
    const failures: Record<string, number> = {}
    const late: Array<MixedReport["late"][number]> = []
    let operations = 0

    /** Runs one operation, which takes this many commands in a row; gives how it ended, and when. */
    const run = <A>(name: string, operation: Effect.Effect<A, RedisError | CodecError, Redis>, commands = 1) =>
      Effect.suspend(() => {
        const began = now()
        return Effect.map(Effect.exit(operation), (exit) => {
          const ended = now()
          operations++
          const over = ended - began - commands * commandTimeout
          if (over > 0) late.push({ name, millis: over })
          if (Exit.isSuccess(exit)) return Either.right({ value: exit.value, began, ended })
          const error = Cause.squash(exit.cause)
          const reason = error instanceof Error && "reason" in error ? String(error.reason) : String(error)
          failures[reason] = (failures[reason] ?? 0) + 1
          return Either.left(reason)
        })
      })

    const forever = (body: (turn: number) => Effect.Effect<void, never, Redis>, pause: number) =>
      Effect.iterate(0, {
        while: () => now() < end,
        body: (turn) => Effect.zipRight(body(turn), Effect.delay(Effect.succeed(turn + 1), pause))
      })

    const written: Array<MixedReport["written"][number]> = []
    let longestGap = 0
    const writeOne = (key: number) => {
      let acknowledged = now()
      return forever((turn) =>
        Effect.map(run("set", Cache.set(versions, String(key), String(turn + 1))), (done) => {
          if (Either.isLeft(done)) return
          const { ended } = done.right
          longestGap = Math.max(longestGap, ended - acknowledged)
          acknowledged = ended
          written.push({ key, version: turn + 1, acknowledged })
        }), writePause)
    }

    const seen = new Map<string, { key: number; version: number; lastBegan: number }>()
    const missed: Array<MixedReport["missed"][number]> = []
    const readAll = forever(() =>
      Effect.forEach(
        Array.from({ length: keys }, (_, key) => key),
        (key) =>
          Effect.map(run("get", Cache.get(versions, String(key))), (found) => {
            if (Either.isLeft(found)) return
            const { began, value } = found.right
            if (Option.isNone(value)) {
              missed.push({ key, began })
            } else seen.set(`${key} ${value.value}`, { key, version: Number(value.value), lastBegan: began })
          })
      ), readPause)

    const counters = Array.from({ length: 5 }, (_, i) => ({ key: `${owner}-${i}`, attempts: 0, acknowledged: 0 }))
    const countUp = (counter: typeof counters[number]) =>
      forever(() => {
        counter.attempts++
        return Effect.map(run("increment", Cache.increment(counts, counter.key, 1)), (done) => {
          if (Either.isRight(done)) {
            counter.acknowledged++
          }
        })
      }, writePause)

    const resurrected: Array<MixedReport["resurrected"][number]> = []
    const invalidate = (key: string) =>
      forever((turn) =>
        Effect.gen(function*() {
          if (Either.isLeft(yield* run("set with tags", Cache.set(tagged, key, turn), 2))) return
          const done = yield* run("invalidateTags", Cache.invalidateTags(tagged, [`of ${key}`]), 2)
          if (Either.isLeft(done)) return
          const found = yield* run("get with tags", Cache.get(tagged, key), 2)
          if (Either.isRight(found) && Option.isSome(found.right.value)) {
            resurrected.push({ key, acknowledged: done.right.ended })
          }
        }), writePause)

    const mine = Array.from({ length: keys }, (_, key) => key).filter((key) => key % owners === owner)
    yield* Effect.all([
      ...mine.map(writeOne),
      ...counters.map(countUp),
      ...Array.from({ length: 5 }, (_, i) => invalidate(`${owner}-${i}`)),
      readAll
    ], { concurrency: "unbounded", discard: true })
    const { nearHits } = yield* Cache.stats(versions)
    return {
      operations,
      failures,
      late,
      lag: lag.max / 1e6,
      longestGap,
      written,
      seen: [...seen.values()],
      missed,
      nearHits,
      counters,
      resurrected,
      unhandled
    }
  })
