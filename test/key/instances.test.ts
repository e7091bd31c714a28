import { assert, describe, it } from "@effect/vitest"
import { Data, Either, Equal, Hash, PrimaryKey, Schema } from "effect"
import * as key from "../../src/internal/key/encode.js"

const encode = (value: unknown): string => Either.getOrThrowWith(key.encode(value), (issue) => new Error(issue.detail))

const refusalOf = (value: unknown) => Either.getOrThrow(Either.flip(key.encode(value)))

describe("An instance of a class, as a key", () => {
  it("is identified by its PrimaryKey, whatever else it has", () => {
    class Account {
      readonly #token: string
      constructor(readonly id: string, token: string, readonly note: () => string = () => this.#token) {
        this.#token = token
      }
      [PrimaryKey.symbol]() {
        return this.id
      }
    }
    assert.strictEqual(encode(new Account("1", "a")), encode(new Account("1", "b")))
    assert.notStrictEqual(encode(new Account("1", "a")), encode(new Account("2", "a")))
  })

  it("is identified by its fields if Equal compares exactly these: classes of Data and Schema", () => {
    class Point extends Data.Class<{ readonly x: number }> {}
    class Spot extends Data.TaggedClass("Spot")<{ readonly x: number }> {}
    class Place extends Schema.Class<Place>("Place")({ x: Schema.Number }) {}
    class Lost extends Schema.TaggedError<Lost>()("Lost", { x: Schema.Number }) {}
    class Gone extends Data.TaggedError("Gone")<{ readonly x: number }> {}
    const seen = new Set<string>()
    for (const Class of [Point, Spot, Place, Lost, Gone]) {
      assert.strictEqual(encode(new Class({ x: 1 })), encode(new Class({ x: 1 })))
      assert.notStrictEqual(encode(new Class({ x: 1 })), encode(new Class({ x: 2 })))
      seen.add(encode(new Class({ x: 1 })))
    }
    assert.strictEqual(seen.size, 5)
  })

  it("is identified by its fields if its own Equal says so", () => {
    class Money {
      constructor(readonly amount: number, readonly currency: string) {}
      [Equal.symbol](that: unknown) {
        return that instanceof Money && that.amount === this.amount && that.currency === this.currency
      }
      [Hash.symbol]() {
        return Hash.string(this.currency)
      }
    }
    assert.strictEqual(encode(new Money(1, "EUR")), encode(new Money(1, "EUR")))
    assert.notStrictEqual(encode(new Money(1, "EUR")), encode(new Money(1, "USD")))
  })

  it("is refused if it has, or may have, more than its fields", () => {
    class Session {
      readonly #token: string
      constructor(readonly kind: string, token: string) {
        this.#token = token
      }
      token() {
        return this.#token
      }
    }
    class Private {
      readonly #secret: string
      constructor(readonly kind: string, secret: string) {
        this.#secret = secret
      }
      [Equal.symbol](that: unknown) {
        return that instanceof Private && that.#secret === this.#secret
      }
      [Hash.symbol]() {
        return 1
      }
    }
    class Identity {
      constructor(readonly kind: string) {}
      [Equal.symbol](that: unknown) {
        return this === that
      }
      [Hash.symbol]() {
        return Hash.random(this)
      }
    }
    class HttpError extends Error {
      constructor(readonly status: number) {
        super("failed")
      }
    }
    for (
      const [name, value] of Object.entries({
        Session: new Session("user", "ada"),
        Private: new Private("user", "ada"),
        Identity: new Identity("user"),
        HttpError: new HttpError(1)
      })
    ) {
      const { detail, path } = refusalOf([1, { by: [value] }])
      assert.strictEqual(path, "$[1].by[0]")
      assert.include(detail, `an instance of ${name}`)
      assert.include(detail, "pass the option `key`")
    }
  })

  it("of a built-in error is identified by name, message and fields", () => {
    assert.strictEqual(encode(new TypeError("a")), encode(new TypeError("a")))
    assert.notStrictEqual(encode(new TypeError("a")), encode(new RangeError("a")))
  })
})
