import * as PersistedCache from "@effect/experimental/PersistedCache"
import * as Persistence from "@effect/experimental/Persistence"
import * as PersistenceRedis from "@effect/experimental/Persistence/Redis"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { timeToLive } from "../../lib/data.js"
import { effects } from "../../lib/style.js"
import { versions as read } from "../../lib/versions.js"

export const versions = read(import.meta.url, "@effect/experimental", "effect", "ioredis")

const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  age: Schema.Number,
  active: Schema.Boolean,
  score: Schema.Number
})

class GetUser extends Schema.TaggedRequest()("GetUser", {
  failure: Schema.Never,
  success: User,
  payload: { id: Schema.Union(Schema.String, Schema.Number) }
}) {
  [PrimaryKey.symbol]() {
    return String(this.id)
  }
}

const life = `${timeToLive} seconds`

export const make = async (url) => {
  const { hostname, pathname, port } = new URL(url)
  const runtime = ManagedRuntime.make(
    PersistenceRedis.layerResult({ host: hostname, port: Number(port), db: Number(pathname.slice(1)) })
  )
  const run = (effect) => runtime.runPromise(effect)
  const scope = Effect.runSync(Scope.make())
  const users = await run(Effect.flatMap(
    Persistence.ResultPersistence,
    (persistence) => Scope.extend(persistence.make({ storeId: "users", timeToLive: () => life }), scope)
  ))
  const value = Option.match({ onNone: () => undefined, onSome: (exit) => exit.value })
  return {
    ...effects(Effect, run),
    read: value,
    get: (id) => users.get(new GetUser({ id })),
    set: (id, user) => users.set(new GetUser({ id }), Exit.succeed(user)),
    getMany: (ids) => users.getMany(ids.map((id) => new GetUser({ id }))),
    readMany: (found) => found.map(value),
    setMany: (entries) => users.setMany(entries.map(([id, user]) => [new GetUser({ id }), Exit.succeed(user)])),
    memoize: async (compute) => {
      const cache = await run(Scope.extend(
        PersistedCache.make({
          storeId: "getUser",
          lookup: ({ id }) => compute(id),
          timeToLive: () => life,
          // A copy in memory would answer instead of Redis.
          inMemoryCapacity: 1,
          inMemoryTTL: 1
        }),
        scope
      ))
      return (id) => cache.get(new GetUser({ id }))
    },
    clear: () => users.clear
  }
}
