/** A program may load two copies of Effect: its own, by `require`, and this package's. */
import { assert, describe, it } from "@effect/vitest"
import * as own from "effect"
import { Effect, Equal, Hash } from "effect"
import { Cache, Codec, Memo, RedisLayer } from "effect-redis-cache"
import { createRequire } from "node:module"

const other = createRequire(import.meta.url)("effect") as typeof own

/** One value of each supported kind, as a copy of Effect creates it. */
const values = ({
  BigDecimal,
  Cause,
  Chunk,
  Data,
  DateTime,
  Duration,
  Either,
  Exit,
  FiberId,
  HashMap,
  HashSet,
  List,
  Option,
  Order,
  SortedMap,
  SortedSet
}: typeof own) => ({
  both: {
    struct: Data.struct({ a: 1, b: Data.tuple("x", Data.struct({ c: true })) }),
    tagged: Data.tagged<{ readonly _tag: "T"; readonly a: number }>("T")({ a: 1 }),
    emptyStruct: Data.struct({}),
    tuple: Data.tuple(1, "a"),
    array: Data.array([Data.struct({ a: 1 })]),
    emptyTuple: Data.tuple(),
    some: Option.some(Data.struct({ a: 1 })),
    none: Option.none(),
    left: Either.left("l"),
    right: Either.right(1),
    chunk: Chunk.make(1, 2),
    duration: Duration.seconds(2),
    nanos: Duration.nanos(3n),
    infinity: Duration.infinity,
    hashMap: HashMap.make([Data.struct({ a: 1 }), 1]),
    hashSet: HashSet.make("a", "b")
  },
  keysOnly: {
    list: List.make(1, 2),
    sortedSet: SortedSet.fromIterable([2, 1], Order.number),
    sortedMap: SortedMap.fromIterable([[1, "a"]] as const, Order.number),
    dateTime: DateTime.unsafeMake(0),
    bigDecimal: BigDecimal.unsafeFromString("1.5")
  },
  valuesOnly: {
    exit: Exit.succeed(1),
    failure: Exit.fail(Data.struct({ a: 1 })),
    cause: Cause.parallel(Cause.fail("a"), Cause.interrupt(FiberId.runtime(1, 2)))
  }
})

const ours = values(own)
const theirs = values(other)

const pairs = (names: ReadonlyArray<"both" | "keysOnly" | "valuesOnly">) =>
  names.flatMap((name) => {
    const their: Readonly<Record<string, unknown>> = theirs[name]
    return Object.entries(ours[name]).map(([kind, mine]) => [kind, mine, their[kind]] as const)
  })

describe("Values of another copy of Effect", () => {
  it("belong to another copy", () => {
    assert.notStrictEqual(Object.getPrototypeOf(other.Data.struct({})), Object.getPrototypeOf(own.Data.struct({})))
  })

  for (const [kind, mine, their] of pairs(["both", "keysOnly"])) {
    it.effect(`give the same keys as this copy's: ${kind}`, () =>
      Effect.gen(function*() {
        let runs = 0
        const f = Memo.cached((_: unknown) => Effect.sync(() => ++runs), { name: "f" })
        assert.strictEqual(yield* f(their), 1)
        assert.strictEqual(yield* f(mine), 1)
        assert.strictEqual(yield* f({ in: [their] }), 2)
        assert.strictEqual(yield* f({ in: [mine] }), 2)
      }).pipe(Effect.provide(RedisLayer.layerMemory)))
  }

  for (const [kind, mine, their] of pairs(["both", "valuesOnly"])) {
    it.effect(`are stored like this copy's, and come back equal: ${kind}`, () =>
      Effect.gen(function*() {
        const cache = Cache.make({ name: "values" })
        yield* Cache.setMany(cache, [["mine", mine], ["theirs", their]])
        const found = yield* Cache.getMany(cache, ["mine", "theirs"])
        assert.isTrue(Equal.equals(found.get("theirs"), mine))
        assert.isTrue(Equal.equals(found.get("theirs"), their))
        assert.isTrue(other.Equal.equals(their, found.get("theirs")))
        const codec = Codec.structural()
        const context = { key: "k", maxSize: 1_000 }
        assert.deepStrictEqual(codec.encode(their, context), codec.encode(mine, context))
      }).pipe(Effect.provide(RedisLayer.layerMemory)))
  }

  it.effect("instances of its classes are keys by their fields", () =>
    Effect.gen(function*() {
      const point = (effect: typeof own) =>
        new (class Point extends effect.Data.Class<{ readonly x: number }> {})({ x: 1 })
      const place = (effect: typeof own) => {
        const { Schema } = effect
        class Place extends Schema.Class<Place>("Place")({ x: Schema.Number }) {}
        return new Place({ x: 1 })
      }
      const lost = (effect: typeof own) =>
        new (class Lost extends effect.Data.TaggedError("Lost")<{ readonly x: number }> {})({ x: 1 })
      const f = Memo.cached((_: unknown) => Effect.succeed(1), { name: "f" })
      for (const make of [point, place, lost]) {
        assert.strictEqual(yield* f.key(make(other)), yield* f.key(make(own)))
      }
    }).pipe(Effect.provide(RedisLayer.layerMemory)))

  it.effect("lookalikes are refused", () =>
    Effect.gen(function*() {
      const cache = Cache.make({ name: "values" })
      const never = Object.create({ [Equal.symbol]: () => false, [Hash.symbol]: () => 1 })
      const always = Object.create({ [Equal.symbol]: () => true, [Hash.symbol]: () => 1 })
      const more = Object.create({ [Equal.symbol]: () => true, [Hash.symbol]: () => 1, greet: () => "hello" })
      for (const value of [never, always, more]) {
        assert.strictEqual((yield* Effect.flip(Cache.set(cache, "a", [value])))._tag, "CodecError")
      }
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
