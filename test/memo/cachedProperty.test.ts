import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, PrimaryKey, Schema, TestClock } from "effect"
import { Cache, CacheError, Memo, RedisLayer } from "effect-redis-cache"

const memory = RedisLayer.layerMemory

class Robot {
  static runs = 0

  constructor(readonly id: number, readonly model: string) {}

  readonly report = Memo.cachedProperty(
    this,
    { name: "Robot.report", key: (self) => self.id, timeToLive: "1 minute" },
    (self) => Effect.sync(() => `${self.model} ${++Robot.runs}, ${self.after}`)
  )

  readonly after = "defined after it"
}

class Account implements PrimaryKey.PrimaryKey {
  runs = 0

  constructor(readonly id: string) {}

  [PrimaryKey.symbol]() {
    return this.id
  }

  readonly balance = Memo.cachedProperty(
    this,
    { name: "Account.balance", tags: (self) => [`account:${self.id}`] },
    (self) => Effect.sync(() => ++self.runs)
  )
}

describe("Memo.cachedProperty", () => {
  it.effect("is an effect that computes once", () =>
    Effect.gen(function*() {
      Robot.runs = 0
      const robot = new Robot(1, "R2")
      assert.isTrue(Effect.isEffect(robot.report))
      const first = yield* robot.report
      assert.strictEqual(first, "R2 1, defined after it")
      assert.strictEqual(yield* robot.report, first)
      assert.strictEqual(yield* Effect.map(robot.report, (text) => text.length), first.length)
      assert.strictEqual(yield* robot.report.pipe(Effect.map((text) => text)), first)
      assert.strictEqual(Robot.runs, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* robot.report, "R2 2, defined after it")
    }).pipe(Effect.provide(memory)))

  it.effect("belongs to the identity: instances with the same one share it, and others do not", () =>
    Effect.gen(function*() {
      Robot.runs = 0
      assert.strictEqual(yield* new Robot(1, "R2").report, "R2 1, defined after it")
      assert.strictEqual(yield* new Robot(1, "C3").report, "R2 1, defined after it")
      assert.strictEqual(yield* new Robot(2, "C3").report, "C3 2, defined after it")
      assert.notStrictEqual(yield* new Robot(1, "").report.key, yield* new Robot(2, "").report.key)
    }).pipe(Effect.provide(memory)))

  it.effect("bust, refresh and peek take no arguments", () =>
    Effect.gen(function*() {
      Robot.runs = 0
      const [robot, twin, other] = [new Robot(1, "A"), new Robot(1, "B"), new Robot(2, "C")]
      assert.deepStrictEqual(yield* robot.report.peek, Option.none())
      assert.isFalse(yield* robot.report.bust)
      yield* robot.report
      yield* other.report
      assert.strictEqual(yield* twin.report.refresh, "B 3, defined after it")
      assert.strictEqual(yield* robot.report, "B 3, defined after it")
      assert.deepStrictEqual(yield* robot.report.peek, Option.some("B 3, defined after it"))
      assert.isTrue(yield* twin.report.bust)
      assert.deepStrictEqual(yield* robot.report.peek, Option.none())
      assert.strictEqual(yield* other.report, "C 2, defined after it")
    }).pipe(Effect.provide(memory)))

  it.effect("takes the identity from a PrimaryKey, and tags from the instance", () =>
    Effect.gen(function*() {
      const [one, twin, other] = [new Account("a"), new Account("a"), new Account("b")]
      yield* one.balance
      yield* twin.balance
      yield* other.balance
      assert.deepStrictEqual([one.runs, twin.runs, other.runs], [1, 0, 1])
      yield* Cache.invalidateTags(Cache.make({ name: "Account.balance" }), ["account:a"])
      yield* twin.balance
      yield* other.balance
      assert.deepStrictEqual([one.runs, twin.runs, other.runs], [1, 1, 1])
    }).pipe(Effect.provide(memory)))

  it.effect("takes a schema, and caches failures if asked to", () =>
    Effect.gen(function*() {
      let runs = 0
      class Day {
        constructor(readonly id: number) {}
        readonly date = Memo.cachedProperty(
          this,
          {
            name: "Day.date",
            key: (self) => self.id,
            schema: Schema.Date,
            errors: { schema: Schema.String, timeToLive: "1 minute" }
          },
          (self) =>
            Effect.suspend(() => {
              runs++
              return self.id < 0 ? Effect.fail("negative") : Effect.succeed(new Date(self.id))
            })
        )
      }
      const [day, bad] = [new Day(5), new Day(-1)]
      assert.deepStrictEqual([yield* day.date, yield* day.date], [new Date(5), new Date(5)])
      assert.deepStrictEqual([yield* Effect.flip(bad.date), yield* Effect.flip(bad.date)], ["negative", "negative"])
      assert.strictEqual(runs, 2)
    }).pipe(Effect.provide(memory)))

  it.effect("an identity that cannot be a key is refused, and nothing is computed", () =>
    Effect.gen(function*() {
      let runs = 0
      const property = Memo.cachedProperty(
        { id: Symbol("x") },
        { name: "p", key: (self) => ({ id: self.id }) },
        () => Effect.sync(() => ++runs)
      )
      const error = yield* Effect.flip(property)
      assert.instanceOf(error, CacheError.CodecError)
      assert.strictEqual(error instanceof CacheError.CodecError && error.path, "$.id")
      assert.strictEqual(runs, 0)
    }).pipe(Effect.provide(memory)))

  it.effect("two different properties with one name: the second dies when it is first read", () =>
    Effect.gen(function*() {
      const one = Memo.cachedProperty({ id: 1 }, { name: "p", key: (self) => self.id }, () => Effect.succeed(1))
      const two = Memo.cachedProperty({ id: 1 }, { name: "p", key: (self) => self.id }, () => Effect.succeed(2))
      assert.strictEqual(yield* one, 1)
      const exit = yield* Effect.exit(two)
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
    }).pipe(Effect.provide(memory)))
})
