/** Bytes that another program wrote under the library's keys: random ones, broken entries, other Redis types. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { formatByte } from "../../../src/internal/entry/format.js"
import type { Redis } from "../../../src/Redis.js"
import { now } from "../../support/processes/now.js"
import { lease } from "../protocol.js"
import { commands, type Failure, loading } from "../recorder.js"
import { type Bench, forever, type Raw, type Work } from "./bench.js"

const Value = Schema.Struct({ key: Schema.String, n: Schema.Number })

const foreign = Cache.make({
  name: "foreign",
  schema: Value,
  timeToLive: "1 minute",
  lease,
  tags: () => ["some"]
})
const counts = Cache.counter({ name: "foreignCounts", timeToLive: "1 minute" })

/** An entry as the library writes it. */
const template = (bench: Bench) =>
  Effect.gen(function*() {
    const key = `template ${bench.index}`
    yield* Cache.set(foreign, key, { key, n: 1 })
    return yield* Effect.tryPromise(() => bench.raw.bytes(`${bench.prefix}foreign:${key}`))
  })

type Write = (raw: Raw, key: string) => Promise<unknown>

const set = (bytes: Buffer | string): Write => (raw, key) => raw.call("SET", key, bytes)

const changed = (entry: Buffer, at: number, byte: number): Buffer => {
  const copy = Buffer.from(entry)
  copy[at] = byte
  return copy
}

/** The bytes to write, by name. */
const sabotage = ({ random }: Bench, entry: Buffer): Readonly<Record<string, Write>> => {
  const randomBytes = random.bytes(random.between(0, 80))
  // By chance these bytes could be an entry, or a lease.
  if (randomBytes[0] === formatByte) randomBytes[0] = 0
  return {
    "random bytes": set(randomBytes),
    "nothing": set(""),
    "text": set(random.pick(["null", "{}", "{\"key\":\"x\",\"n\":1}", "OK", "é\0"])),
    "a number": set(random.pick(["12", "-1", "99999999999999999999"])),
    "an entry that is cut short": set(entry.subarray(0, random.between(1, entry.length - 1))),
    "an entry of a newer format": set(changed(entry, 0, formatByte + 1)),
    "an entry of another version": set(changed(entry, 3, 9)),
    "an entry with another payload": set(Buffer.concat([entry.subarray(0, entry.length - 4), random.bytes(20)])),
    "a list": (raw, key) => raw.call("RPUSH", key, "a", "b"),
    "a hash": (raw, key) => raw.call("HSET", key, "a", "b"),
    "a set": (raw, key) => raw.call("SADD", key, "a"),
    "a sorted set": (raw, key) => raw.call("ZADD", key, 1, "a"),
    "a stream": (raw, key) => raw.call("XADD", key, "*", "a", "b")
  }
}

/** Operations that meet foreign bytes, and whether their results mean that nothing is there. */
const looks: Readonly<
  Record<string, (key: string) => Effect.Effect<boolean, Failure, Redis>>
> = {
  get: (key) => Effect.map(Cache.get(foreign, key), Option.isNone),
  has: (key) => Effect.map(Cache.has(foreign, key), (has) => !has),
  getMany: (key) => Effect.map(Cache.getMany(foreign, [key]), (found) => found.size === 0),
  timeToLive: (key) => Effect.map(Cache.timeToLive(foreign, key), Option.isNone),
  take: (key) => Effect.map(Cache.take(foreign, key), Option.isNone),
  // It reads the header and tags alone: foreign bytes behind a whole header count as a value.
  delete: (key) => Effect.as(Cache.delete(foreign, key), true),
  touch: (key) => Effect.map(Cache.touch(foreign, key, "1 minute"), (touched) => !touched),
  setIfAbsent: (key) => Cache.setIfAbsent(foreign, key, { key, n: 1 }),
  modify: (key) =>
    Effect.map(
      Cache.modify(foreign, key, (found) => Option.isNone(found) ? Option.some({ key, n: 1 }) : found),
      Option.exists(({ n }) => n === 1)
    ),
  getOrSet: (key) => Effect.map(Cache.getOrSet(foreign, key, Effect.succeed({ key, n: 2 })), ({ n }) => n === 2),
  refresh: (key) => Effect.map(Cache.refresh(foreign, key, Effect.succeed({ key, n: 2 })), ({ n }) => n === 2),
  getOrSetMany: (key) =>
    Effect.map(
      Cache.getOrSetMany(foreign, [key], (keys) =>
        Effect.succeed(keys.map((each) =>
          [each, { key: each, n: 2 }] as const
        ))),
      (found) => found.get(key)?.n === 2
    )
}

/** Stores foreign bytes under a key, with an expiry. Gives whether they are there. */
const put = (bench: Bench, key: string, write: Write) =>
  Effect.promise(async () => {
    try {
      await write(bench.raw, key)
      await bench.raw.call("PEXPIRE", key, 20_000)
      return true
    } catch {
      return false // Redis is unreachable
    }
  })

const entries = (bench: Bench) => {
  const { index, prefix, random, recorder } = bench
  return forever(bench, 150, (turn) =>
    Effect.gen(function*() {
      const entry = yield* Effect.orElseSucceed(template(bench), () => null)
      if (entry === null) return
      const [name, write] = random.pick(Object.entries(sabotage(bench, entry)))
      const key = `${index} ${turn}`
      if (!(yield* put(bench, `${prefix}foreign:${key}`, write))) return
      recorder.badInput(`${name} under a key`)
      const [how, look] = random.pick(Object.entries(looks))
      const looked = yield* recorder.run(`${how} of foreign bytes`, loading(0, lease.wait) + commands(4), look(key))
      if (Either.isRight(looked)) {
        recorder.check("foreign", looked.right.value, () => `${how} of ${name} under ${key} did not find nothing`)
      }
      const register = `foreign ${key}`
      recorder.attempt("batch", register, 3)
      const rewritten = yield* recorder.run("set with tags", commands(2), Cache.set(foreign, key, { key, n: 3 }))
      if (Either.isLeft(rewritten)) return
      recorder.acknowledged("batch", register, 3, rewritten.right)
      const found = yield* recorder.run("get with tags", commands(2), Cache.get(foreign, key))
      if (Either.isLeft(found)) return
      const value = Option.getOrUndefined(found.right.value)
      recorder.seen("batch", register, value?.n ?? 0, found.right)
    }))
}

const counters = (bench: Bench) => {
  const { index, prefix, random, recorder } = bench
  return forever(bench, 400, (turn) =>
    Effect.gen(function*() {
      const key = `${index} ${turn}`
      const write: Write = random.pick<Write>([
        set(random.pick(["abc", "1.5", "", " 1", "007", "1e3", "99999999999999999999999"])),
        set(random.bytes(8)),
        (raw, at) => raw.call("RPUSH", at, "1"),
        (raw, at) => raw.call("HSET", at, "1", "1")
      ])
      if (!(yield* put(bench, `${prefix}foreignCounts:${key}`, write))) return
      recorder.badInput("foreign bytes under a counter")
      const found = yield* recorder.run("get count", commands(1), Cache.get(counts, key))
      if (Either.isRight(found)) {
        recorder.check("foreign", Option.isNone(found.right.value), () => `a count under ${key}`)
      }
      const counted = yield* recorder.run("increment", commands(1), Cache.increment(counts, key, 1))
      if (Either.isRight(counted)) {
        recorder.check("foreign", counted.right.value === 1, () => `counted ${counted.right.value} under ${key}`)
      }
    }))
}

/** An invalid tag epoch: entries with the tag are absent, and come back with the next write. */
const epochs = (bench: Bench) => {
  const { index, prefix, random, recorder } = bench
  const tag = `sabotaged ${index}`
  return forever(bench, 700, (turn) =>
    Effect.gen(function*() {
      const key = `tagged ${index} ${turn}`
      const started = now()
      const write = Cache.set(foreign, key, { key, n: 1 }, { tags: [tag] })
      if (Either.isLeft(yield* recorder.run("set with tags", commands(2), write))) return
      const sabotaged = random.pick<Write>([
        set(""),
        set(random.bytes(7)),
        set(random.bytes(8)),
        (raw, at) => raw.call("DEL", at)
      ])
      const from = now()
      if (!(yield* put(bench, `${prefix}:tag:foreign:${tag}`, sabotaged))) return
      recorder.gone("invalidate", key, { from, to: now() })
      recorder.badInput("foreign bytes under a tag")
      const found = yield* recorder.run("get with tags", commands(2), Cache.get(foreign, key))
      if (Either.isLeft(found)) return
      if (Option.isSome(found.right.value)) recorder.served("invalidate", key, started, found.right)
      else recorder.check("foreign", true, () => "")
    }))
}

export const saboteur: Work = { entries, counters, epochs }
