/** The examples of walrus's documentation for its cache, step by step, with shorter times. */
import { Array, Console, Effect, Option, Schema, Stream } from "effect"
import { Cache, type CacheError, Memo, Pending } from "effect-redis-cache"

const greetings = Cache.make({ name: "greetings", schema: Schema.String, timeToLive: "1 minute" })

const visits = Cache.counter({ name: "visits", timeToLive: "1 minute" })

/** Every cached function below prints when its body runs. */
const bodyRuns = (name: string) => Console.log(`    · the body of ${name} runs`)

const currentTime = Effect.sync(() => new Date())

const getTime = Memo.cached(function getTime(_seed: string) {
  return Effect.zipRight(bodyRuns("getTime"), currentTime)
}, "10 seconds")

class WorldClock {
  constructor(readonly zone: string) {}

  readonly now = Memo.cachedProperty(
    this,
    { name: "WorldClock.now", key: (self) => self.zone, timeToLive: "10 seconds" },
    () => Effect.zipRight(bodyRuns("WorldClock.now"), currentTime)
  )
}

const getNow = Memo.cachedAsync(function getNow(_seed: string) {
  return bodyRuns("getNow").pipe(Effect.zipRight(Effect.sleep("400 millis")), Effect.zipRight(currentTime))
}, "1 minute")

const title = (text: string) => Console.log(`\n  ${text}`)

const step = (did: string, result: string) => Console.log(`    ${did.padEnd(66)} ${result}`)

const pause = (duration: "50 millis" | "400 millis") =>
  Effect.zipRight(Console.log(`    (${duration} later)`), Effect.sleep(duration))

const orNothing = Option.getOrElse(() => "nothing")

const time = (date: Date): string => date.toISOString().slice(11, 23)

const basics = Effect.gen(function*() {
  yield* title("A value with a timeout (300 ms, where walrus's documentation has 10 s)")
  yield* Cache.set(greetings, "foo", "bar", { timeToLive: "300 millis" })
  yield* step(`Cache.set(greetings, "foo", "bar", { timeToLive: "300 millis" })`, "stored")
  yield* step(`Cache.get(greetings, "foo")`, orNothing(yield* Cache.get(greetings, "foo")))
  yield* pause("400 millis")
  yield* step(`Cache.get(greetings, "foo")`, orNothing(yield* Cache.get(greetings, "foo")))

  yield* title("Many at a time, one round trip each")
  yield* Cache.setMany(greetings, { k1: "v1", k2: "v2", k3: "v3" })
  yield* step(`Cache.setMany(greetings, { k1: "v1", k2: "v2", k3: "v3" })`, "stored")
  const found = yield* Cache.getMany(greetings, ["k1", "k3", "kx"])
  yield* step(`Cache.getMany(greetings, ["k1", "k3", "kx"])`, Array.join([...found].map(Array.join(" = ")), ", "))
  const deleted = yield* Cache.deleteMany(greetings, ["k1", "kx"])
  yield* step(`Cache.deleteMany(greetings, ["k1", "kx"])`, `${deleted} deleted`)
  const keys = yield* Stream.runCollect(Cache.keys(greetings))
  yield* step(`Cache.keys(greetings)`, [...keys].sort().join(", "))
  yield* step(`Cache.flush(greetings)`, `${yield* Cache.flush(greetings)} deleted`)

  yield* title("A counter")
  yield* step(`Cache.increment(visits, "home")`, String(yield* Cache.increment(visits, "home")))
  yield* step(`Cache.increment(visits, "home", 10)`, String(yield* Cache.increment(visits, "home", 10)))
  yield* Cache.flush(visits)
})

const memoized = Effect.gen(function*() {
  yield* title("A memoized function (10 s)")
  yield* step(`getTime("foo")`, time(yield* getTime("foo")))
  yield* pause("50 millis")
  yield* step(`getTime("foo")`, `${time(yield* getTime("foo"))}, from the cache`)
  yield* step(`getTime("bar")`, `${time(yield* getTime("bar"))}, another argument`)
  yield* step(`getTime.bust("foo")`, String(yield* getTime.bust("foo")))
  yield* step(`getTime("foo")`, `${time(yield* getTime("foo"))}, anew`)
  yield* Cache.flush(getTime.cache)
})

const property = Effect.gen(function*() {
  yield* title("A cached property (10 s): the instance states its identity")
  const clock = new WorldClock("Lima")
  yield* step(`new WorldClock("Lima").now`, time(yield* clock.now))
  yield* pause("50 millis")
  yield* step(`new WorldClock("Lima").now`, `${time(yield* new WorldClock("Lima").now)}, from the cache`)
  yield* step(`new WorldClock("Oslo").now`, `${time(yield* new WorldClock("Oslo").now)}, another clock`)
  yield* step(`clock.now.bust`, String(yield* clock.now.bust))
  yield* step(`clock.now`, `${time(yield* clock.now)}, anew`)
  yield* Effect.all([clock.now.bust, new WorldClock("Oslo").now.bust])
})

/** The result of a read that does not wait, or not forever: a time, or why there is none yet. */
const timeOrEmpty = (
  read: Effect.Effect<Date, CacheError.Empty | CacheError.RedisError | CacheError.CodecError>
) =>
  read.pipe(
    Effect.map(time),
    Effect.catchTag("Empty", ({ reason }) => Effect.succeed(`Empty: ${reason}`))
  )

const asynchronous = Effect.gen(function*() {
  yield* title("An asynchronous function that needs 400 ms (walrus's documentation: 5 s)")
  const pending = yield* getNow("foo")
  yield* step(`const pending = yield* getNow("foo")`, "at once")
  yield* pause("50 millis")
  yield* step(`Pending.poll(pending)`, yield* timeOrEmpty(Pending.poll(pending)))
  yield* step(`Pending.within(pending, "200 millis")`, yield* timeOrEmpty(Pending.within(pending, "200 millis")))
  yield* step(`Pending.within(pending, "2 seconds")`, time(yield* Pending.within(pending, "2 seconds")))
  yield* step(`yield* pending`, `${time(yield* pending)}, the same at every read`)
  yield* step(`yield* (yield* getNow("foo"))`, `${time(yield* (yield* getNow("foo")))}, from the cache`)
  yield* Cache.flush(getNow.cache)
})

export const tour = Effect.gen(function*() {
  yield* basics
  yield* memoized
  yield* property
  yield* asynchronous
})
