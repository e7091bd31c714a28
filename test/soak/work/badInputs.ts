/** Values that cannot be keys, values that cannot be stored, and unusual keys that must work. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { CodecError, RedisError } from "../../../src/CacheError.js"
import * as Memo from "../../../src/Memo.js"
import type { Redis } from "../../../src/Redis.js"
import { lease } from "../protocol.js"
import { commands, type Failure, loading } from "../recorder.js"
import { type Bench, forever, type Work } from "./bench.js"

const Guarded = Schema.Struct({ key: Schema.String, n: Schema.Number })

const guarded = Cache.make({ name: "guarded", schema: Guarded, timeToLive: "2 minutes", maxValueSize: 1_000, lease })
const anything = Cache.make({ name: "anything", timeToLive: "2 minutes", lease })
const counts = Cache.counter({ name: "badCounts", timeToLive: "2 minutes" })

let computed = 0
const memoized = Memo.cached((_argument: unknown) => Effect.sync(() => ++computed), {
  name: "memoized",
  schema: Schema.Number,
  timeToLive: "2 minutes"
})

const cycle = (): unknown => {
  const self: { self?: unknown } = {}
  self.self = self
  return self
}

class Instance {
  readonly #secret = 1
  get secret(): number {
    return this.#secret
  }
}

const unusable: Readonly<Record<string, () => unknown>> = {
  "a function": () => () => 1,
  "a symbol": () => Symbol("s"),
  "a promise": () => Promise.resolve(1),
  "a weak map": () => new WeakMap(),
  "a cycle": cycle,
  "an instance": () => new Instance(),
  "a function inside": () => ({ list: [1, { deep: new Map([["f", () => 1]]) }] }),
  "an effect": () => Effect.sync(() => 1)
}

const loneSurrogate = "half \ud83d of a pair"
const longTag = "t".repeat(300)

interface BadInput {
  readonly invariant: "badKeys" | "badValues"
  /** The required outcome: a `CodecError` of this subject, or an error reply. */
  readonly subject: "key" | "value" | "option" | "reply"
  readonly attempt: Effect.Effect<unknown, Failure, Redis>
}

/** A cast, because the types refuse these: untyped programs do not. */
const wrong = <A>(value: unknown): A => value as A

const badInputs = ({ index, random }: Bench): Readonly<Record<string, () => BadInput>> => {
  const key = `guard ${index}`
  const guard = { key, n: -1 }
  const some = () => random.pick(Object.values(unusable))()
  const asKey = (attempt: Effect.Effect<unknown, Failure, Redis>): BadInput => ({
    invariant: "badKeys",
    subject: "key",
    attempt
  })
  const asValue = (attempt: Effect.Effect<unknown, Failure, Redis>): BadInput => ({
    invariant: "badValues",
    subject: "value",
    attempt
  })
  const asOption = (attempt: Effect.Effect<unknown, Failure, Redis>): BadInput => ({
    invariant: "badValues",
    subject: "option",
    attempt
  })
  return {
    "an argument that cannot be a key": () => asKey(memoized(some())),
    "an argument that cannot be a key, busted": () => asKey(memoized.bust({ of: some() })),
    "an argument that cannot be a key, refreshed": () => asKey(memoized.refresh([some()])),
    "half a surrogate pair, read": () => asKey(Cache.get(guarded, loneSurrogate)),
    "half a surrogate pair, written": () => asKey(Cache.set(guarded, loneSurrogate, guard)),
    "half a surrogate pair, deleted": () => asKey(Cache.delete(guarded, loneSurrogate)),
    "half a surrogate pair, loaded": () => asKey(Cache.getOrSet(guarded, loneSurrogate, Effect.succeed(guard))),
    "half a surrogate pair, among others": () =>
      asKey(Cache.setMany(guarded, new Map([[key, guard], [loneSurrogate, guard]]))),
    "a value that cannot be stored": () => asValue(Cache.set(anything, key, some())),
    "a value that cannot be stored, if absent": () => asValue(Cache.setIfAbsent(anything, key, [some()])),
    "a value that cannot be stored, loaded": () =>
      asValue(Cache.getOrSet(anything, `${key} ${random.between(0, 1e9)}`, Effect.sync(some))),
    "a value that cannot be stored, modified": () =>
      asValue(Cache.modify(anything, key, () => Option.some({ value: some() }))),
    "a value of another type": () => asValue(Cache.set(guarded, key, wrong<typeof guard>({ key: 1, n: "one" }))),
    "a value that is too large": () => asValue(Cache.set(guarded, key, { key: "x".repeat(2_000), n: -1 })),
    "a value that is too large, among others": () =>
      asValue(Cache.setMany(guarded, new Map([[key, guard], ["too large", { key: "x".repeat(2_000), n: -1 }]]))),
    "a part of a number to count": () =>
      asOption(Cache.increment(counts, key, random.pick([0.5, NaN, Infinity, 2 ** 60]))),
    "a count beyond what is exact": () => ({
      invariant: "badValues",
      subject: "reply",
      attempt: Cache.set(counts, key, Number.MAX_SAFE_INTEGER).pipe(Effect.zipRight(Cache.increment(counts, key, 1)))
    }),
    "a tag that is too long": () => asOption(Cache.set(guarded, key, guard, { tags: [longTag] })),
    "a tag that is no text": () => asOption(Cache.invalidateTags(guarded, [loneSurrogate]))
  }
}

/** Whether it was refused as required; undefined if Redis was unreachable. */
const refused = (subject: BadInput["subject"], failure: Failure): boolean | undefined => {
  if (failure instanceof CodecError) return failure.subject === subject
  if (!(failure instanceof RedisError)) return false
  return failure.reason === "Command" ? subject === "reply" : undefined
}

/** Each bad input is refused, and what was stored before is still there afterwards. */
const refuse = (bench: Bench) => {
  const { index, random, recorder } = bench
  const all = Object.entries(badInputs(bench))
  const key = `guard ${index}`
  return forever(bench, 120, (turn) =>
    Effect.gen(function*() {
      const n = turn + 1
      recorder.attempt("batch", key, n)
      const written = yield* recorder.run("set", commands(1), Cache.set(guarded, key, { key, n }))
      if (Either.isRight(written)) recorder.acknowledged("batch", key, n, written.right)
      const [name, make] = random.pick(all)
      const { attempt, invariant, subject } = make()
      const before = computed
      const done = yield* recorder.run(`bad ${subject}`, loading(0, lease.wait), attempt)
      recorder.badInput(name)
      if (Either.isRight(done)) {
        // Redis may have lost the first command's count before the second one, which then begins anew.
        const lost = subject === "reply" && done.right.value === 1
        if (!lost) recorder.check(invariant, false, () => `${name} was taken: ${String(done.right.value)}`)
      } else {
        const holds = refused(subject, done.left)
        if (holds !== undefined) {
          recorder.check(invariant, holds && computed === before, () => `${name}: ${done.left.message}`)
        }
      }
      const found = yield* recorder.run("get", commands(1), Cache.get(guarded, key))
      if (Either.isLeft(found)) return
      const value = Option.getOrUndefined(found.right.value)
      recorder.seen("batch", key, value?.n ?? 0, found.right)
      recorder.check(
        "neighbours",
        value === undefined || (value.key === key && value.n > 0),
        () => `after ${name}: ${JSON.stringify(value)} under ${key}`
      )
    }))
}

const oddNames = [
  ...["*", "?", "[a-z]", "\\*", "h*llo:*", "^", "$1", "*:*"],
  ...["{", "}", "{}", "{a}", "{a}b", "a}b{c", "%7B", "%7Ba%7D", "%257B", "%", "100%"],
  ...["", " ", "\n", "a\nb", "a\r\nb", "\r\n$3\r\nfoo", "\0", "a\0b", "\u0001", "\t"],
  ...[":", "a:b", "::", "__proto__", "constructor", "toString", "NaN", "-0"],
  ...["ключ", "😀", "é", "e\u0301", "\ufeffa", "\u2028", "x".repeat(10_000)]
]

/**
 * One in three is sometimes deleted. If a later write of one of these is lost, there is no truth to compare it with.
 */
const isDeleted = (key: string): boolean => oddNames.indexOf(key) % 3 === 0

/** Each odd key has a value of its own, and deleting one deletes no other. */
const oddKeys = (bench: Bench) => {
  const { index, random, recorder } = bench
  const odd = Cache.make({
    name: `odd${index}`,
    schema: Schema.Struct({ key: Schema.String, n: Schema.Number }),
    timeToLive: "2 minutes"
  })
  const register = (key: string) => `odd ${index} ${oddNames.indexOf(key)}`
  return forever(bench, 500, (turn) =>
    Effect.gen(function*() {
      const n = turn + 1
      for (const key of oddNames) recorder.attempt("batch", register(key), n)
      const written = yield* recorder.run(
        "setMany",
        commands(1),
        Cache.setMany(odd, oddNames.map((key) => [key, { key, n }] as const))
      )
      if (Either.isLeft(written)) return
      for (const key of oddNames) recorder.acknowledged("batch", register(key), n, written.right)
      recorder.badInput("an odd key")
      const gone = random.pick(oddNames.filter(isDeleted))
      const deleted = yield* recorder.run("delete", commands(1), Cache.delete(odd, gone))
      const found = yield* recorder.run("getMany", commands(1), Cache.getMany(odd, oddNames))
      if (Either.isLeft(found)) return
      for (const key of oddNames) {
        const value = found.right.value.get(key)
        if (!isDeleted(key)) recorder.seen("batch", register(key), value?.n ?? 0, found.right)
        else if (key === gone && Either.isRight(deleted)) {
          recorder.gone("delete", register(key), deleted.right)
          if (value !== undefined) recorder.served("delete", register(key), written.right.from, found.right)
        }
        recorder.check(
          "oddKeys",
          value === undefined || value.key === key,
          () => `${JSON.stringify(value)} under ${JSON.stringify(key)}`
        )
      }
    }))
}

export const badInput: Work = { refuse, oddKeys }
