/**
 * Values that one process writes and all read: versions with near copies, many at once, counters, and parts of sums.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import type { Redis } from "../../../src/Redis.js"
import { maxStaleness, type RegisterKind } from "../protocol.js"
import { commands } from "../recorder.js"
import { allKeys, type Bench, forever, owned, type Work } from "./bench.js"

const Version = Schema.Struct({ key: Schema.String, n: Schema.Number })
type Version = typeof Version.Type

export const versions = Cache.make({ name: "versions", schema: Version, near: { capacity: 1_000, maxStaleness } })
const batches = Cache.make({ name: "batches", schema: Version, timeToLive: "2 minutes" })
const counts = Cache.counter({ name: "counts", timeToLive: "2 hours" })
const sums = Cache.make({
  name: "sums",
  schema: Schema.Record({ key: Schema.String, value: Schema.Number }),
  timeToLive: "2 hours"
})

export const versionKeys = 15
const batchKeys = 30
const batchSize = 5
const countKeys = 9
const sumKeys = 3

const seen = (
  { recorder }: Bench,
  kind: RegisterKind,
  key: string,
  found: Version | undefined,
  window: { readonly from: number; readonly to: number }
): void => {
  if (found !== undefined) {
    recorder.check("itsOwn", found.key === key, () => `${kind} ${found.key} under ${key}`)
  }
  recorder.seen(kind, key, found?.n ?? 0, window)
}

const writeVersions = (bench: Bench) =>
  Effect.forEach(owned(bench, versionKeys), (key) => {
    const { recorder } = bench
    return forever(bench, 250, (turn) => {
      const n = turn + 1
      recorder.attempt("version", key, n)
      return Effect.map(recorder.run("set", commands(1), Cache.set(versions, key, { key, n })), (done) => {
        if (Either.isRight(done)) recorder.acknowledged("version", key, n, done.right)
      })
    })
  }, { concurrency: "unbounded", discard: true })

const readVersions = (bench: Bench) =>
  forever(
    bench,
    15,
    () =>
      Effect.forEach(allKeys(versionKeys), (key) =>
        Effect.map(bench.recorder.run("get", commands(1), Cache.get(versions, key)), (done) => {
          if (Either.isRight(done)) {
            seen(bench, "version", key, Option.getOrUndefined(done.right.value), done.right)
          }
        }), { discard: true })
  )

const writeBatches = (bench: Bench) =>
  forever(bench, 150, (turn) => {
    const { random, recorder } = bench
    const keys = random.shuffle(owned(bench, batchKeys)).slice(0, batchSize)
    const n = turn + 1
    for (const key of keys) recorder.attempt("batch", key, n)
    const entries = keys.map((key) => [key, { key, n }] as const)
    return Effect.map(recorder.run("setMany", commands(1), Cache.setMany(batches, entries)), (done) => {
      if (Either.isRight(done)) { for (const key of keys) recorder.acknowledged("batch", key, n, done.right) }
    })
  })

const readBatches = (bench: Bench) =>
  forever(
    bench,
    60,
    () =>
      Effect.map(bench.recorder.run("getMany", commands(1), Cache.getMany(batches, allKeys(batchKeys))), (done) => {
        if (Either.isLeft(done)) return
        for (const key of allKeys(batchKeys)) seen(bench, "batch", key, done.right.value.get(key), done.right)
      })
  )

const count = (bench: Bench) => {
  const { index, recorder } = bench
  const one = (kind: "count" | "shared", key: string) =>
    forever(bench, 80, (turn) => {
      recorder.attempt(kind, key, turn + 1)
      return Effect.map(recorder.run("increment", commands(1), Cache.increment(counts, key)), (done) => {
        if (Either.isLeft(done)) return
        recorder.seen(kind, key, done.right.value, done.right)
        if (kind === "count") recorder.acknowledged("count", key, done.right.value, done.right)
      })
    })
  return Effect.all([
    ...Array.from({ length: countKeys / 3 }, (_, i) => one("count", `${index}-${i}`)),
    one("shared", "all")
  ], { concurrency: "unbounded", discard: true })
}

const readCounts = (bench: Bench) =>
  forever(bench, 70, () => {
    const { random, recorder, workers } = bench
    const key = `${random.between(0, workers)}-${random.between(0, countKeys / 3)}`
    return Effect.map(recorder.run("get count", commands(1), Cache.get(counts, key)), (done) => {
      if (Either.isRight(done)) recorder.seen("count", key, Option.getOrElse(done.right.value, () => 0), done.right)
    })
  })

/** Each process adds to its own part of a value that all of them modify: no change of another may be lost. */
const sum = (bench: Bench) => {
  const { index, random, recorder } = bench
  const part = String(index)
  const attempts = new Map<string, number>()
  return forever(bench, 90, () => {
    const key = String(random.between(0, sumKeys))
    attempts.set(key, (attempts.get(key) ?? 0) + 1)
    recorder.attempt("part", `${key}/${part}`, attempts.get(key)!)
    let tries = 0
    const added = Cache.modify(sums, key, (found) => {
      tries++
      const parts: Readonly<Record<string, number>> = Option.getOrElse(found, () => ({}))
      return Option.some({ ...parts, [part]: (parts[part] ?? 0) + 1 })
    })
    return Effect.map(recorder.run("modify", () => commands(2 * Math.max(1, tries) + 1), added), (done) => {
      if (Either.isLeft(done) || Option.isNone(done.right.value)) return
      for (const [name, n] of Object.entries(done.right.value.value)) {
        recorder.seen("part", `${key}/${name}`, n, done.right)
        if (name === part) recorder.acknowledged("part", `${key}/${name}`, n, done.right)
      }
    })
  })
}

export const registers: Work = { writeVersions, readVersions, writeBatches, readBatches, count, readCounts, sum }

export const nearHits: Effect.Effect<number, never, Redis> = Effect.map(
  Cache.stats(versions),
  (stats) => stats.nearHits
)
