import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedCache from "effect/persistence/PersistedCache"
import * as Persistence from "effect/persistence/Persistence"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { timeToLive } from "../../lib/data.js"
import { effects } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "effect", "redis")

const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  age: Schema.Number,
  active: Schema.Boolean,
  score: Schema.Number
})

class GetUser extends Persistable.Class()("GetUser", { primaryKey: ({ id }) => String(id), success: User }) {}

const life = `${timeToLive} seconds`

export const make = async (url) => {
  const runtime = ManagedRuntime.make(Layer.provide(Persistence.layerRedis, NodeRedis.layer({ url })))
  const run = (effect) => runtime.runPromise(effect)
  const scope = Effect.runSync(Scope.make())
  const users = await run(Effect.flatMap(
    Effect.service(Persistence.Persistence),
    (persistence) => Scope.provide(persistence.make({ storeId: "users", timeToLive: () => life }), scope)
  ))
  const value = (exit) => exit?.value
  return {
    ...effects(Effect, run),
    read: value,
    get: (id) => users.get(new GetUser({ id })),
    set: (id, user) => users.set(new GetUser({ id }), Exit.succeed(user)),
    getMany: (ids) => users.getMany(ids.map((id) => new GetUser({ id }))),
    readMany: (found) => found.map(value),
    setMany: (entries) => users.setMany(entries.map(([id, user]) => [new GetUser({ id }), Exit.succeed(user)])),
    memoize: async (compute) => {
      const cache = await run(Scope.provide(
        PersistedCache.make(({ id }) => compute(id), {
          storeId: "getUser",
          timeToLive: () => life,
          // A copy in memory would answer instead of Redis.
          inMemoryCapacity: 1,
          inMemoryTTL: () => 1
        }),
        scope
      ))
      return (id) => cache.get(new GetUser({ id }))
    },
    clear: () => users.clear
  }
}
