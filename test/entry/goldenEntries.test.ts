/** The stored bytes: `golden/entries.json` has a handwritten example of each form. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Option, Schema } from "effect"
import { Cache, Codec, Redis, RedisLayer } from "effect-redis-cache"
import { readFileSync } from "node:fs"
import { RandomBytes } from "../../src/internal/bytes/randomBytes.js"
import * as Entry from "../../src/internal/entry/format.js"
import * as Hold from "../../src/internal/entry/hold.js"

interface GoldenEntry {
  readonly form: string
  readonly hex: string
  readonly version: number
  readonly writeId: string
  readonly freshUntil: number
  readonly loadMillis: number
  readonly failure: boolean
  readonly tags: ReadonlyArray<{ readonly name: string; readonly epoch: string }>
  readonly payload: string
  readonly lease?: { readonly token: string; readonly until: number; readonly end: number }
}

interface GoldenMarker {
  readonly form: string
  readonly hex: string
  readonly marker: true
  readonly lease: { readonly token: string; readonly until: number; readonly end: number }
}

/** The entry after `expire`. */
interface GoldenExpiry {
  readonly form: string
  readonly hex: string
  readonly expires: string
  readonly writeId: string
  readonly at: number
}

interface GoldenHold {
  readonly form: string
  readonly hex: string
  readonly hold: ReadonlyArray<{ readonly token: string; readonly until: number }>
  readonly shared: boolean
}

interface GoldenCounter {
  readonly form: string
  readonly hex: string
  readonly counter: number
}

const golden: ReadonlyArray<GoldenEntry | GoldenExpiry | GoldenMarker | GoldenHold | GoldenCounter> = JSON.parse(
  readFileSync(new URL("golden/entries.json", import.meta.url), "utf8")
)

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const withoutSpaces = (text: string): string => text.replaceAll(" ", "")

/** Random bytes, made deterministic. */
class Chosen extends RandomBytes {
  constructor(private readonly chosen: Uint8Array) {
    super()
  }

  override fill(bytes: Uint8Array, at: number, size: number): void {
    assert.strictEqual(size, this.chosen.length)
    bytes.set(this.chosen, at)
  }
}

const entries = golden.filter((each) => "payload" in each)
const expiries = golden.filter((each) => "expires" in each)
const markers = golden.filter((each) => "marker" in each)
const holds = golden.filter((each) => "hold" in each)
const counters = golden.filter((each) => "counter" in each)

describe("an entry", () => {
  for (const { failure, form, freshUntil, hex, lease, loadMillis, payload, tags, version, writeId } of entries) {
    it(`${form}: is written as these bytes`, () => {
      const parts = {
        version,
        freshUntil,
        loadMillis,
        failure,
        tags: tags.map(({ epoch, name }) => ({ name, epoch: fromHex(epoch) })),
        payload: fromHex(payload)
      }
      const plain = Entry.encode(parts, new Chosen(fromHex(writeId)))
      const written = lease === undefined ? plain : Entry.withLease(plain, fromHex(lease.token), lease.until, lease.end)
      assert.strictEqual(toHex(written), withoutSpaces(hex))
      assert.deepStrictEqual(toHex(Entry.withoutLease(written)), toHex(plain))
    })

    it(`${form}: is read from these bytes`, () => {
      const bytes = fromHex(hex)
      assert.isTrue(Entry.isEntry(bytes))
      assert.isFalse(Entry.isMarker(bytes))
      assert.strictEqual(Entry.version(bytes), version)
      assert.strictEqual(toHex(Entry.writeId(bytes)), writeId)
      assert.strictEqual(toHex(Entry.identity(bytes, "entry")), writeId)
      assert.strictEqual(Entry.identity(bytes, "counter").length, 0)
      assert.strictEqual(Entry.freshUntil(bytes), freshUntil)
      assert.strictEqual(Entry.loadMillis(bytes), loadMillis)
      assert.strictEqual(Entry.isFailure(bytes), failure)
      assert.strictEqual(Entry.hasTags(bytes), tags.length > 0)
      assert.deepStrictEqual(
        Entry.tags(bytes)!.map(({ epoch, name }) => ({ name, epoch: toHex(epoch) })),
        tags.map(({ epoch, name }) => ({ name, epoch }))
      )
      const held = Entry.lease(bytes)
      assert.deepStrictEqual(held && { token: toHex(held.token), until: held.until, end: held.end }, lease)
      if (lease !== undefined) assert.isTrue(Entry.isLeasedBy(bytes, fromHex(lease.token)))
      assert.strictEqual(toHex(bytes.subarray(Entry.payloadOffset(bytes))), payload)
    })

    it(`${form}: cut short anywhere, it is not an entry, or one with a shorter payload`, () => {
      const bytes = fromHex(hex)
      const whole = bytes.length - fromHex(payload).length
      for (let size = 0; size < whole; size++) {
        const cut = bytes.subarray(0, size)
        assert.isTrue(!Entry.isEntry(cut) || Entry.payloadOffset(cut) === undefined, `${size} bytes`)
        if (Entry.isEntry(cut)) assert.isUndefined(Entry.tags(cut))
      }
    })
  }
})

describe("an expired entry", () => {
  for (const { at, expires, form, hex, writeId } of expiries) {
    it(`${form}: is written and read as these bytes`, () => {
      const before = fromHex(expires)
      const bytes = Entry.expired(before, fromHex(writeId), at)
      assert.strictEqual(toHex(bytes), withoutSpaces(hex))
      assert.strictEqual(toHex(before), withoutSpaces(expires))
      assert.isTrue(Entry.isExpired(bytes))
      assert.isFalse(Entry.isFreshAt(bytes, at))
      assert.isUndefined(Entry.lease(bytes))
    })
  }
})

describe("a marker", () => {
  for (const { form, hex, lease } of markers) {
    it(`${form}: is written and read as these bytes`, () => {
      const bytes = fromHex(hex)
      assert.strictEqual(toHex(Entry.marker(fromHex(lease.token), lease.until)), withoutSpaces(hex))
      assert.isTrue(Entry.isMarker(bytes))
      assert.isTrue(Entry.isLeasedBy(bytes, fromHex(lease.token)))
      assert.isFalse(Entry.isLeasedBy(bytes, fromHex(lease.token).reverse()))
      assert.strictEqual(Entry.lease(bytes)!.until, lease.until)
      assert.strictEqual(Entry.identity(bytes, "entry").length, 0)
    })
  }
})

describe("a hold", () => {
  for (const { form, hex, hold, shared } of holds) {
    it(`${form}: is written and read as these bytes`, () => {
      const bytes = fromHex(hex)
      const [first, ...rest] = hold.map(({ token, until }) => ({ token: fromHex(token), until }))
      assert.strictEqual(toHex(Hold.make([first!, ...rest], shared)), withoutSpaces(hex))
      assert.isTrue(Entry.isHold(bytes))
      assert.isTrue(Entry.isMarker(bytes))
      assert.isUndefined(Entry.lease(bytes))
      assert.strictEqual(Entry.identity(bytes, "entry").length, 0)
      assert.strictEqual(Hold.isShared(bytes), shared)
      assert.deepStrictEqual(Hold.claims(bytes).map(({ token, until }) => ({ token: toHex(token), until })), hold)
      const last = hold[hold.length - 1]!.until
      assert.isTrue(Hold.isUnderWay(bytes, last - 1))
      assert.isFalse(Hold.isUnderWay(bytes, last))
      // A hold that is cut short lists fewer updates.
      assert.strictEqual(Hold.claims(bytes.subarray(0, bytes.length - 1)).length, hold.length - 1)
    })
  }
})

describe("a counter", () => {
  const context = { key: "hits:a", maxSize: 100 }
  for (const { counter, form, hex } of counters) {
    it(`${form}: is written and read as these bytes`, () => {
      assert.strictEqual(toHex(Either.getOrThrow(Codec.counter.encode(counter, context))), hex)
      assert.deepStrictEqual(Codec.counter.decode(fromHex(hex), context), Either.right(counter))
      assert.strictEqual(toHex(Entry.identity(fromHex(hex), "counter")), hex)
      assert.isFalse(Entry.isEntry(fromHex(hex)))
    })
  }
})

describe("the load time", () => {
  it("is stored within five percent, from a millisecond to weeks", () => {
    for (let millis = 1; millis < 3e9; millis = Math.ceil(millis * 1.013)) {
      const entry = Entry.encode(
        { version: 0, freshUntil: 0, loadMillis: millis, failure: false, tags: [], payload: new Uint8Array() },
        new RandomBytes()
      )
      const kept = Entry.loadMillis(entry)
      assert.isTrue(Math.abs(kept - millis) <= millis * 0.045 + 1, `${millis} became ${kept}`)
    }
  })
})

describe("the Redis drivers", () => {
  it.effect("write and read these forms", () =>
    Effect.gen(function*() {
      const { driver } = yield* Redis.Redis
      const bytes = (name: string, key: string) =>
        Effect.map(driver.inspect(`${name}:${key}`), (found) => found === undefined ? "" : toHex(found.bytes))

      const plain = Cache.make({ name: "plain", schema: Schema.String, version: 7, timeToLive: Duration.millis(5) })
      yield* Cache.set(plain, "a", "Paris")
      assert.match(yield* bytes("plain", "a"), /^e1000007.{10}0000000000050022506172697322$/)

      const hits = Cache.counter({ name: "hits" })
      yield* Cache.increment(hits, "a", -12)
      assert.strictEqual(yield* bytes("hits", "a"), "2d3132")

      const tagged = Cache.make({ name: "tagged", schema: Schema.String, tags: () => ["t"] })
      yield* Cache.set(tagged, "a", "Rome")
      const epoch = yield* Effect.map(driver.inspect(":tag:tagged:t"), (found) => toHex(found!.bytes))
      assert.strictEqual(epoch.length, 16)
      const written = yield* bytes("tagged", "a")
      assert.match(written, /^e1040000.{10}000000000000000/)
      assert.strictEqual(written.slice(32), `010174${epoch}22526f6d6522`)
      assert.deepStrictEqual(yield* Cache.get(tagged, "a"), Option.some("Rome"))
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
