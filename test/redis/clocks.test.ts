/** The time, after the machine slept and after a clock was set. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option } from "effect"
import { Cache, Redis } from "effect-redis-cache"
import * as ioredis from "ioredis"
import { makeService } from "../../src/internal/cache/runtime.js"
import * as Entry from "../../src/internal/entry/format.js"
import { type Clocks, LocalClock } from "../../src/internal/redis/clocks/localClock.js"
import { MedianClock } from "../../src/internal/redis/clocks/medianClock.js"
import { ServerClock } from "../../src/internal/redis/clocks/serverClock.js"
import { driversOf } from "../../src/internal/redis/ioredis/drivers.js"
import type { Status } from "../../src/internal/redis/port.js"
import { untilCopied, users } from "../contract/nearCopies.js"
import * as FakeRedis from "../support/fakes/fakeRedis.js"
import { until } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

/** Clocks that a test sets. */
class Made implements Clocks {
  private time = 1_000
  private date = 1_700_000_000_000

  readonly monotonic = (): number => this.time
  readonly wall = (): number => this.date

  /** Time passes. */
  run(millis: number): void {
    this.time += millis
    this.date += millis
  }

  /** The machine sleeps, or its wall clock is set ahead. A moment of it passes before or after the sleep. */
  sleep(millis: number): void {
    this.run(moment)
    this.date += millis - moment
  }
}

const moment = 1 / 64

/** The clocks of this machine, as if it had slept. */
const sleepy = () => {
  let slept = 0
  return {
    clocks: { monotonic: () => performance.now(), wall: () => Date.now() + slept },
    sleep: (millis: number) => {
      // Nothing that runs is so quick to look again.
      const from = performance.now()
      while (performance.now() - from < moment) { /* it passes */ }
      slept += millis
    },
    wall: () => Date.now() + slept
  }
}

describe("this machine's own time", () => {
  const listening = (made = new Made()) => {
    const local = new LocalClock(made)
    const told: Array<number> = []
    local.onSleep(() => told.push(local.now()))
    return { made, local, told }
  }

  it("continues while the machine sleeps, and reports the sleep before it returns a time", () => {
    const { local, made, told } = listening()
    const began = local.now()
    made.run(100)
    assert.strictEqual(local.now() - began, 100)
    made.sleep(60_000)
    made.run(5)
    assert.strictEqual(local.now() - began, 60_105)
    assert.deepStrictEqual(told, [began + 60_105])
    assert.strictEqual(local.sleeps, 1)
    made.run(5)
    assert.strictEqual(local.now() - began, 60_110)
    assert.strictEqual(told.length, 1)
  })

  it("is not moved by a wall clock that is set back, nor by one that is corrected gradually", () => {
    const { local, made, told } = listening()
    const began = local.now()
    made.sleep(-3_600_000)
    assert.strictEqual(local.now() - began, moment)
    for (let i = 0; i < 10; i++) {
      made.sleep(200)
      local.now()
    }
    assert.strictEqual(local.now() - began, 11 * moment)
    assert.strictEqual(told.length, 0)
    // And then notices sleep as before.
    made.sleep(300)
    assert.strictEqual(local.now() - began, 11 * moment + 300)
    assert.strictEqual(told.length, 1)
  })

  it("looks at the wall clock once for readings that follow one another within some µs", () => {
    const made = new Made()
    let looks = 0
    const local = new LocalClock({
      monotonic: made.monotonic,
      wall: () => {
        looks++
        return made.wall()
      }
    })
    const began = local.now()
    const before = looks
    for (let i = 1; i <= 1_000; i++) {
      made.run(1 / 1_024)
      assert.strictEqual(local.now() - began, i / 1_024)
    }
    assert.isAtLeast(looks - before, 80)
    assert.isBelow(looks - before, 120)
    // A sleep between two of them is noticed by the next look.
    made.sleep(60_000)
    assert.isAtLeast(local.now() - began, 60_000)
  })

  it("is not moved if the process is held up between its readings of the two clocks", () => {
    const made = new Made()
    let heldUp = 0
    const local = new LocalClock({
      monotonic: () => {
        const time = made.monotonic()
        made.run(heldUp)
        heldUp = 0
        return time
      },
      wall: made.wall
    })
    const began = local.now()
    made.run(moment)
    heldUp = 5_000
    assert.strictEqual(local.now() - began, 5_000 + moment)
    assert.strictEqual(local.sleeps, 0)
  })
})

/** A server as a clock sees it: each answer takes `trip` ms each way, and comes from the server's own clock. */
const server = (made: Made, trip = 5) => {
  const fake = {
    status: "ready" as Status,
    ahead: 10_000,
    asked: 0,
    /** Runs when it is asked. */
    onAsked: () => {},
    failure: undefined as Error | undefined,
    ask: async (): Promise<ReadonlyArray<string>> => {
      fake.asked++
      fake.onAsked()
      made.run(trip)
      if (fake.failure !== undefined) throw fake.failure
      const millis = fake.now()
      await Promise.resolve()
      made.run(trip)
      return [`${Math.floor(millis / 1000)}`, `${Math.round((millis % 1000) * 1000)}`]
    },
    now: () => made.wall() + fake.ahead
  }
  return fake
}

const clockOf = (made: Made, fake: ReturnType<typeof server>, local = new LocalClock(made), onMeasured = () => {}) =>
  new ServerClock(fake, local, 1_000, onMeasured)

const replyError = (message: string): Error => Object.assign(new Error(message), { name: "ReplyError" })

describe("the server's time", () => {
  it("is measured again after the machine slept, and unknown until then", async () => {
    const made = new Made()
    const fake = server(made)
    const clock = clockOf(made, fake)
    await clock.measure()
    assert.strictEqual(clock.now(), fake.now())
    made.sleep(60_000)
    // Its clock was wrong by a second when it woke up.
    fake.ahead -= 1_000
    const { asked } = fake
    clock.now()
    assert.isFalse(clock.isSure)
    assert.isUndefined(await clock.settle())
    assert.isTrue(clock.isSure)
    assert.strictEqual(clock.now(), fake.now())
    assert.strictEqual(fake.asked, asked + 3)
    clock.close()
  })

  it("is measured once more if the machine sleeps during a measurement", async () => {
    const made = new Made()
    const fake = server(made)
    const clock = clockOf(made, fake)
    await clock.measure()
    made.sleep(60_000)
    fake.onAsked = () => {
      fake.onAsked = () => {}
      made.sleep(30_000)
    }
    clock.now()
    assert.isUndefined(await clock.settle())
    assert.isTrue(clock.isSure)
    assert.strictEqual(clock.now(), fake.now())
    clock.close()
  })

  it("is unknown as long as the server does not answer, and says why", async () => {
    const made = new Made()
    const fake = server(made)
    const clock = clockOf(made, fake)
    await clock.measure()
    made.sleep(60_000)
    fake.status = "reconnecting"
    clock.now()
    assert.strictEqual((await clock.settle())?.reason, "Connection")
    fake.status = "ready"
    fake.failure = new Error("Connection is closed.")
    assert.strictEqual((await clock.settle())?.reason, "Connection")
    fake.failure = replyError("LOADING Redis is loading")
    assert.strictEqual((await clock.settle())?.reason, "Connection")
    assert.isFalse(clock.isSure)
    fake.failure = undefined
    assert.isUndefined(await clock.settle())
    assert.isTrue(clock.isSure)
    clock.close()
  })

  it("is this machine's if the server refuses to tell it", async () => {
    const made = new Made()
    const fake = server(made)
    fake.failure = replyError("NOPERM this user has no permissions to run the 'time' command")
    const clock = clockOf(made, fake)
    await clock.measure().catch(() => {})
    assert.approximately(clock.now(), made.wall(), 20)
    made.sleep(60_000)
    assert.approximately(clock.now(), made.wall(), 20)
    assert.isUndefined(await clock.settle())
    assert.isTrue(clock.isSure)
    clock.close()
  })

  it("is corrected by an answer that contradicts it, ahead and back, and measured", async () => {
    const made = new Made()
    const fake = server(made)
    let measured = 0
    const clock = clockOf(made, fake, undefined, () => measured++)
    await clock.measure()
    for (const step of [60_000, -3_600_000]) {
      fake.ahead += step
      const { asked } = fake
      const before = measured
      const sent = clock.local.now()
      made.run(20)
      const millis = Math.floor(fake.now())
      made.run(20)
      clock.hear(millis, sent, clock.local.now())
      // At once, as precisely as the answer permits.
      assert.approximately(clock.now(), fake.now(), 20.5)
      assert.strictEqual(measured, before + 1)
      await until(Effect.sync(() => measured === before + 2)).pipe(Effect.runPromise)
      assert.strictEqual(clock.now(), fake.now())
      assert.strictEqual(fake.asked, asked + 3)
    }
    clock.close()
  })

  it("is not changed by answers that may be right, however long they took", async () => {
    const made = new Made()
    const fake = server(made)
    const clock = clockOf(made, fake)
    await clock.measure()
    const { asked } = fake
    const before = clock.now() - clock.local.now()
    for (const [there, back] of [[0, 0], [500, 0], [0, 500], [3_000, 3_000]] as const) {
      const sent = clock.local.now()
      made.run(there)
      const millis = Math.floor(fake.now())
      made.run(back)
      clock.hear(millis, sent, clock.local.now())
      // A little off: by drift, and by the time that a server caches.
      clock.hear(millis - 90, sent, clock.local.now())
    }
    assert.strictEqual(clock.now() - clock.local.now(), before)
    assert.strictEqual(fake.asked, asked)
    clock.close()
  })

  it("of several servers is the median of those measured since", async () => {
    const made = new Made()
    const local = new LocalClock(made)
    const fakes = [server(made), server(made), server(made)]
    fakes[2]!.ahead = 500_000
    const clocks: ReadonlyArray<ServerClock> = fakes.map((fake) => clockOf(made, fake, local, () => median.tell()))
    const median: MedianClock = new MedianClock(local, () => clocks)
    await Promise.all(clocks.map((clock) => clock.measure()))
    assert.approximately(median.now(), fakes[0]!.now(), 20)
    // This machine's clock is set ahead, and one of the servers is unreachable.
    made.sleep(60_000)
    for (const fake of fakes) fake.ahead -= 60_000
    fakes[1]!.status = "reconnecting"
    median.now()
    assert.isFalse(median.isSure)
    assert.isUndefined(await median.settle())
    assert.isTrue(median.isSure)
    assert.approximately(median.now(), fakes[0]!.now(), 20)
    for (const fake of fakes) fake.status = "reconnecting"
    made.sleep(60_000)
    median.now()
    assert.strictEqual((await median.settle())?.reason, "Connection")
    assert.isFalse(median.isSure)
    for (const clock of clocks) clock.close()
  })
})

const commandTimeout = 300

const open = (address: { readonly host?: string; readonly port: number }, prefix: string, clocks: Clocks) =>
  Effect.gen(function*() {
    const layer = Layer.scoped(
      Redis.Redis,
      Effect.flatMap(
        driversOf(ioredis).connect(
          { host: "127.0.0.1", ...address },
          { prefix, commandTimeout, connectTimeout: 5_000, lazy: false, clocks }
        ),
        makeService
      )
    )
    const service = Context.get(yield* Layer.build(layer), Redis.Redis)
    return {
      service,
      run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Redis.Redis, service)
    }
  })

const things = Cache.make({ name: "things", timeToLive: "30 seconds", staleIfError: "1 day" })

/** A server by whose clock the machine slept, and its entry of `things`. */
const sleepingBeside = Effect.gen(function*() {
  const machine = sleepy()
  const fake = yield* FakeRedis.make()
  let stored: string | undefined
  const asUsual: FakeRedis.Answer = ([name, ...args]) => {
    switch (name!.toLowerCase()) {
      case "time":
        return FakeRedis.time(machine.wall())
      case "evalsha":
        return FakeRedis.array(":1\r\n")
      case "set":
        stored = args[1]
        return undefined
      case "mget":
        return FakeRedis.array(...args.map(() => stored === undefined ? "$-1\r\n" : FakeRedis.latin1Bulk(stored)))
      default:
        return undefined
    }
  }
  fake.answer = asUsual
  const instance = yield* open({ port: fake.port }, "", machine.clocks)
  return { machine, fake, asUsual, ...instance }
})

describe("a machine that slept", () => {
  it.scopedLive("treats nothing as fresh that ended meanwhile", () =>
    Effect.gen(function*() {
      const { machine, run } = yield* sleepingBeside
      yield* run(Cache.set(things, "a", 1))
      assert.deepStrictEqual(yield* run(Cache.get(things, "a")), Option.some(1))
      machine.sleep(20_000)
      assert.deepStrictEqual(yield* run(Cache.get(things, "a")), Option.some(1))
      machine.sleep(20_000)
      assert.deepStrictEqual(yield* run(Cache.get(things, "a")), Option.none())
      assert.strictEqual((yield* run(Cache.getMany(things, ["a", "b"]))).size, 0)
      yield* run(Cache.set(things, "a", 2))
      assert.deepStrictEqual(yield* run(Cache.get(things, "a")), Option.some(2))
    }))

  it.scopedLive("judges an answer that was in flight during the sleep by the time after it", () =>
    Effect.gen(function*() {
      const { asUsual, fake, machine, run } = yield* sleepingBeside
      yield* run(Cache.set(things, "a", 1))
      fake.answer = (words) => {
        if (words[0]!.toLowerCase() === "mget") machine.sleep(40_000)
        return asUsual(words)
      }
      assert.deepStrictEqual(yield* run(Cache.get(things, "a")), Option.none())
    }))

  it.scopedLive("returns no answer before it has measured the server's time, and none without it", () =>
    Effect.gen(function*() {
      const operations: ReadonlyArray<readonly [string, Effect.Effect<unknown, Error, Redis.Redis>]> = [
        ["mget", Cache.get(things, "a")],
        ["mget", Cache.getMany(things, ["a", "b"])],
        ["evalsha", Cache.setIfAbsent(things, "a", 2)]
      ]
      for (const [command, operation] of operations) {
        const { asUsual, fake, machine, run } = yield* sleepingBeside
        yield* run(Cache.set(things, "a", 1))
        fake.answer = (words) => {
          if (words[0] === command) machine.sleep(1_000)
          return words[0] === "time" ? "" : asUsual(words)
        }
        const [took, error] = yield* Effect.timed(Effect.flip(run(operation)))
        assert.match(error.message, /failed \(Timeout\)/)
        assert.isBelow(Duration.toMillis(took), commandTimeout + 200)
      }
    }))

  it.scopedLive("serves no near copy before changes are proven to arrive again", () =>
    Effect.gen(function*() {
      const machine = sleepy()
      const own = yield* RedisServer.make()
      const { run } = yield* open({ port: own.port }, "", machine.clocks)
      const far = Effect.gen(function*() {
        const before = (yield* run(Cache.stats(users))).nearHits
        assert.deepStrictEqual(yield* run(Cache.get(users, "42")), Option.some("Ada"))
        return (yield* run(Cache.stats(users))).nearHits === before
      })
      yield* run(Cache.set(users, "42", "Ada"))
      yield* untilCopied(users, "42", run)
      assert.isFalse(yield* far)
      // Less than a proof is valid for.
      machine.sleep(400)
      assert.isTrue(yield* far)
      yield* untilCopied(users, "42", run)
      machine.sleep(-60_000)
      assert.isFalse(yield* far)
      // The server's clock did not move: this machine's was set. That disturbs only once.
      machine.sleep(3_600_000)
      assert.isTrue(yield* far)
      yield* untilCopied(users, "42", run)
      for (let i = 0; i < 20; i++) assert.isFalse(yield* far)
    }))
})

describe("a server whose clock is set", () => {
  const loaded = Cache.make({ name: "loaded", timeToLive: "30 seconds" })

  for (const [way, step] of [["ahead", 60_000], ["back", -60_000]] as const) {
    it.scopedLive(`${way}: the next loaded value is fresh for its whole TTL, by the new time`, () =>
      Effect.gen(function*() {
        let ahead = 0
        let fresh: number | undefined
        const fake = yield* FakeRedis.make(([name, , , , ...args]) => {
          const now = Date.now() + ahead
          if (name === "time") return FakeRedis.time(now)
          if (name !== "evalsha") return undefined
          const entry = args.find((word) => word.startsWith("\xe1"))
          if (entry !== undefined) fresh = Entry.freshUntil(Buffer.from(entry, "latin1")) - now
          return entry === undefined
            ? FakeRedis.array(
              `:${now}\r\n`,
              FakeRedis.bulk("Granted"),
              FakeRedis.bulk("12345"),
              FakeRedis.bulk("12345")
            )
            : ":1\r\n"
        })
        const { run } = yield* open({ port: fake.port }, "", sleepy().clocks)
        yield* run(Cache.getOrSet(loaded, "a", Effect.succeed(1)))
        assert.approximately(fresh!, 30_000, 200)
        ahead += step
        fresh = undefined
        yield* run(Cache.getOrSet(loaded, "b", Effect.succeed(1)))
        assert.approximately(fresh!, 30_000, 200)
      }))
  }
})
