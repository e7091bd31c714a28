/** Loads: under deletes, under tag invalidations, of few keys by many callers, and of stale values. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { now } from "../../support/processes/now.js"
import { lease } from "../protocol.js"
import { commands, loading } from "../recorder.js"
import { allKeys, type Bench, forever, owned, type Work } from "./bench.js"

/** A value names its key, and the time when its load began. */
const Loaded = Schema.Struct({ key: Schema.String, started: Schema.Number })
type Loaded = typeof Loaded.Type

const options = { schema: Loaded, lease }
const deleted = Cache.make({ ...options, name: "deleted", timeToLive: "3 seconds" })
const tagged = Cache.make({
  ...options,
  name: "tagged",
  timeToLive: "3 seconds",
  tags: (key) => [`of ${key}`],
  valueTags: ({ key }) => [`in ${key}`]
})

/** In ms. */
export const oneLife = 400
const ones = Cache.make({ ...options, name: "ones", timeToLive: oneLife })

const staleLife = 300
const staleWindow = 2_000
const stale = Cache.make({
  ...options,
  name: "stale",
  timeToLive: staleLife,
  staleWhileRevalidate: staleWindow
})

const keys = 9
const loadMillis = 30

const load = ({ random }: Bench, key: string, done: (started: number) => void = () => {}) =>
  Effect.suspend(() => {
    const started = now()
    return Effect.sleep(loadMillis * (0.5 + random.fraction())).pipe(
      Effect.as<Loaded>({ key, started }),
      Effect.ensuring(Effect.sync(() => done(started)))
    )
  })

const itsOwn = ({ recorder }: Bench, key: string, found: Loaded): void =>
  recorder.check("itsOwn", found.key === key, () => `a load of ${found.key} under ${key}`)

/** Concurrent deletes and loads of few keys. The deletes include keys that another process is loading. */
const deletes = (bench: Bench) => {
  const { random, recorder } = bench
  const remove = forever(bench, 60, () => {
    const some = random.shuffle(owned(bench, keys)).slice(0, random.between(1, 3))
    const one = some.length === 1
    const removal = one ? Cache.delete(deleted, some[0]!) : Cache.deleteMany(deleted, some)
    return Effect.map(recorder.run<unknown>(one ? "delete" : "deleteMany", commands(1), removal), (done) => {
      if (Either.isRight(done)) { for (const key of some) recorder.gone("delete", key, done.right) }
    })
  })
  const ask = forever(bench, 20, () => {
    const key = random.pick(allKeys(keys))
    if (random.fraction() < 0.7) {
      return Effect.map(
        recorder.run(
          "getOrSet",
          loading(2 * loadMillis, lease.wait),
          Cache.getOrSet(deleted, key, load(bench, key))
        ),
        (done) => {
          if (Either.isLeft(done)) return
          itsOwn(bench, key, done.right.value)
          recorder.served("delete", key, done.right.value.started, done.right)
        }
      )
    }
    return Effect.map(recorder.run("get", commands(1), Cache.get(deleted, key)), (done) => {
      if (Either.isLeft(done) || Option.isNone(done.right.value)) return
      itsOwn(bench, key, done.right.value.value)
      recorder.served("delete", key, done.right.value.value.started, done.right)
    })
  })
  return Effect.all([remove, ask, ask, ask], { concurrency: "unbounded", discard: true })
}

const invalidations = (bench: Bench) => {
  const { random, recorder } = bench
  const invalidate = forever(bench, 80, () => {
    const key = random.pick(owned(bench, keys))
    // One is known from the key, the other from the value alone.
    const tag = random.pick([`of ${key}`, `in ${key}`])
    return Effect.map(recorder.run("invalidateTags", commands(2), Cache.invalidateTags(tagged, [tag])), (done) => {
      if (Either.isRight(done)) recorder.gone("invalidate", key, done.right)
    })
  })
  const ask = forever(bench, 25, () => {
    const key = random.pick(allKeys(keys))
    if (random.fraction() < 0.7) {
      const loaded = Cache.getOrSet(tagged, key, load(bench, key))
      // The epochs cost more commands: before the load for the key's tags, after it for the value's.
      return Effect.map(
        recorder.run("getOrSet with tags", loading(2 * loadMillis, lease.wait) + commands(4), loaded),
        (done) => {
          if (Either.isLeft(done)) return
          itsOwn(bench, key, done.right.value)
          recorder.served("invalidate", key, done.right.value.started, done.right)
        }
      )
    }
    return Effect.map(recorder.run("get with tags", commands(2), Cache.get(tagged, key)), (done) => {
      if (Either.isLeft(done) || Option.isNone(done.right.value)) return
      recorder.served("invalidate", key, done.right.value.value.started, done.right)
    })
  })
  return Effect.all([invalidate, ask, ask], { concurrency: "unbounded", discard: true })
}

/** Many callers load few keys, which are never deleted: one load in the fleet. */
const contention = (bench: Bench) => {
  const { index, random, recorder } = bench
  const ask = forever(bench, 25, () => {
    const key = random.pick(allKeys(4))
    const asked = now()
    const loaded = Cache.getOrSet(
      ones,
      key,
      load(bench, key, (started) => recorder.executed(key, index, asked, started))
    )
    return Effect.map(recorder.run("getOrSet", loading(2 * loadMillis, lease.wait), loaded), (done) => {
      if (Either.isRight(done)) itsOwn(bench, key, done.right.value)
    })
  })
  return Effect.all(Array.from({ length: 4 }, () => ask), { concurrency: "unbounded", discard: true })
}

/** Some keys are read seldom, so that they are stale, or past their window, when they are. */
const staleWhileRevalidate = (bench: Bench) => {
  const { random, recorder } = bench
  const ask = forever(bench, 40, () => {
    const key = random.fraction() < 0.8 ? random.pick(allKeys(3)) : `seldom ${random.between(0, 20)}`
    return Effect.map(
      recorder.run("getOrSet stale", loading(2 * loadMillis, lease.wait), Cache.getOrSet(stale, key, load(bench, key))),
      (done) => {
        if (Either.isLeft(done)) return
        const { from, to, value } = done.right
        itsOwn(bench, key, value)
        const age = from - value.started
        // It is fresh from the moment when it is stored: after its load, and a command or two.
        const old = age > staleLife + staleWindow + 2 * loadMillis + 100
        recorder.check("staleWindow", true, () => "")
        if (old) recorder.tooOld(age, { from, to })
      }
    )
  })
  return Effect.all([ask, ask], { concurrency: "unbounded", discard: true })
}

export const loads: Work = { deletes, invalidations, contention, staleWhileRevalidate }
