/**
 * A service with many kinds of caches, in which an attacker chose some of the keys and values, and its inspector page.
 */
import { HttpRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Data, Effect, Layer, Option, Random, Redacted, Schema, type Scope } from "effect"
import { Cache, Codec, type Redis, RedisLayer } from "effect-redis-cache"
import * as Inspector from "effect-redis-cache/Inspector"
import { createServer } from "node:http"

const User = Schema.Struct({
  id: Schema.String,
  handle: Schema.String,
  bio: Schema.String,
  plan: Schema.Literal("free", "pro"),
  team: Schema.Struct({ id: Schema.Number, name: Schema.String, region: Schema.String }),
  roles: Schema.Array(Schema.String),
  active: Schema.Boolean,
  lastSeen: Schema.DateFromString
})

export const users = Cache.make({
  name: "users",
  schema: User,
  timeToLive: "10 minutes",
  staleWhileRevalidate: "1 hour",
  staleIfError: "1 day",
  valueTags: (user) => [`team:${user.team.id}`, `plan:${user.plan}`]
})

export const sessions = Cache.make({
  name: "sessions",
  codec: Codec.structural<{ readonly user: string; readonly since: Date; readonly seen: ReadonlySet<string> }>(),
  timeToLive: "30 minutes",
  near: { capacity: 1_000 }
})

export const prices = Cache.make({
  name: "prices",
  codec: Codec.structural<number>(),
  timeToLive: "50 millis",
  staleIfError: "1 day",
  retryAfter: "20 millis",
  onRedisError: "bypass"
})

export const limits = Cache.counter({ name: "rate-limit", timeToLive: "1 hour" })

export const hostileText = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"

export const hostileKey = `${hostileText}/..%2f?#\u202e"'&`

class PriceServiceTimeout extends Data.TaggedError("PriceServiceTimeout")<{}> {}

export const userOf = (id: string): typeof User.Type => ({
  id,
  handle: `user-${id.slice(0, 12)}`,
  bio: id.startsWith("<") ? hostileText : "Night shift, mostly.",
  plan: Number(id) % 3 === 0 ? "pro" : "free",
  team: { id: Number(id) % 7 || 7, name: "Depot North", region: "eu-west" },
  roles: ["reader", "editor", "on-call"],
  active: true,
  lastSeen: new Date(Date.UTC(2026, 2, 14, 3, 31, 52))
})

const pause = (from: number, to: number) =>
  Effect.flatMap(Random.nextIntBetween(from, to), (millis) => Effect.sleep(millis))

export const loadUser = (id: string): Effect.Effect<typeof User.Type> => Effect.as(pause(5, 40), userOf(id))

const some = (count: number) => Effect.map(Random.nextIntBetween(0, count), String)

/** What readers do, over and over. */
const traffic = Effect.gen(function*() {
  const id = yield* some(400)
  yield* Cache.getOrSet(users, id, loadUser)
  const session = yield* some(60)
  const kept = yield* Cache.get(sessions, session)
  if (Option.isNone(kept)) {
    yield* Cache.set(sessions, session, { user: id, since: new Date(), seen: new Set(["home", "cart"]) })
  }
  const price = yield* some(20)
  yield* Effect.ignore(Cache.getOrSet(prices, price, Effect.fail(new PriceServiceTimeout())))
  yield* Cache.increment(limits, session)
}).pipe(Effect.zipRight(pause(1, 10)), Effect.catchAll(() => Effect.sleep("50 millis")), Effect.forever)

const fill = Effect.gen(function*() {
  yield* Effect.forEach(
    Array.from({ length: 20 }, (_, i) => String(i)),
    (key) => Cache.set(prices, key, Number(key) + 0.99)
  )
  for (const id of ["42", "4207", hostileKey]) yield* Cache.set(users, id, userOf(id))
})

export interface Shop {
  readonly url: string
  readonly run: <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) => Effect.Effect<A, E>
}

/** Runs until the scope closes. */
export const open = (
  redisUrl: string,
  port: number,
  options: { readonly token?: string; readonly readers?: number } = {}
): Effect.Effect<Shop, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.orDie(Layer.build(RedisLayer.layer({
      url: redisUrl,
      prefix: "shop:",
      commandTimeout: "500 millis",
      publish: { name: "checkout-5d8f6", every: "1 second" }
    })))
    const run: Shop["run"] = (effect) => Effect.provide(effect, context)
    yield* run(Effect.orDie(fill))
    for (let i = 0; i < (options.readers ?? 3); i++) yield* Effect.forkScoped(run(traffic))
    const inspector = yield* Effect.provide(
      Inspector.make({
        title: "shop",
        caches: [Inspector.refreshable(users, loadUser), sessions, prices, limits],
        hosts: [`127.0.0.1:${port}`],
        ...(options.token === undefined ? {} : { actions: { token: Redacted.make(options.token) } })
      }),
      context
    )
    yield* Layer.build(
      HttpServer.serve(HttpRouter.mount(HttpRouter.empty, "/inspector", inspector)).pipe(
        Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }))
      )
    ).pipe(Effect.orDie)
    return { url: `http://127.0.0.1:${port}/inspector`, run }
  })
