import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Codec, Memo, Redis, RedisLayer } from "effect-redis-cache"

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

const keys = { current: { id: "k1", key: Redacted.make(new Uint8Array(32).fill(7)) } }

const secretly = Codec.encrypted(Codec.json(Schema.String), keys)

const refuse = (_id: string): Effect.Effect<string, Refused> => Effect.fail(new Refused({ why: "ssn 123-45-6789" }))

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, Refused)
    return error
  })

describe("failures of a memo whose results have a codec", () => {
  it("need a codec too, and a definition without one says so", () => {
    assert.throws(
      () => Memo.cached(refuse, { name: "refuse", codec: secretly, errors: { schema: Refused } }),
      /errors needs one too/
    )
    // @ts-expect-error: neither
    assert.throws(() => Memo.cached(refuse, { name: "refuse", errors: {} }), /needs a schema or a codec/)
  })

  it.effect("are stored through it", () =>
    Effect.gen(function*() {
      const memo = Memo.cached(refuse, {
        name: "refuse",
        codec: secretly,
        errors: { codec: Codec.encrypted(Codec.json(Refused), keys), timeToLive: "1 minute" }
      })
      assert.strictEqual((yield* refusal(memo("a"))).why, "ssn 123-45-6789")
      const { driver } = yield* Redis.Redis
      const stored = yield* driver.inspect(yield* memo.key("a"))
      assert.isDefined(stored)
      assert.notInclude(Buffer.from(stored.bytes).toString("latin1"), "123-45")
      assert.strictEqual((yield* refusal(memo("a"))).why, "ssn 123-45-6789")
      assert.strictEqual((yield* Effect.exit(memo.peek("a")))._tag, "Success")
    }).pipe(Effect.provide(RedisLayer.layerMemory)))
})
