/** An update inside an @effect/sql transaction, which commits after the update's end. */
import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache } from "effect-redis-cache"
import { instances, logs } from "../../load/memoryInstances.js"

const users = Cache.make({ name: "users" })
const update = Cache.invalidating(Effect.void, users, ["42"])

/** What `sql.withTransaction` does to the context of its effect. */
const withTransaction = Effect.provideService(
  SqlClient.TransactionConnection,
  [undefined as never, 0] // nothing is sent over it
)

describe("an update inside a transaction", () => {
  it.scoped("logs a warning, once", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { layer, messages } = logs()
      yield* Effect.provide(first(Effect.zipRight(update, update.pipe(Effect.provide(layer)))), layer)
      assert.deepStrictEqual(messages, [])
      for (let i = 0; i < 3; i++) yield* Effect.provide(first(withTransaction(update)), layer)
      assert.strictEqual(messages.length, 1)
      assert.match(
        messages[0]!,
        /^WARN Cache "users".*inside an @effect\/sql transaction.*around sql\.withTransaction/
      )
    }))

  it.scoped("around the transaction is correct", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { layer, messages } = logs()
      yield* Effect.provide(first(Cache.invalidating(withTransaction(Effect.void), users, ["42"])), layer)
      assert.deepStrictEqual(messages, [])
    }))
})
