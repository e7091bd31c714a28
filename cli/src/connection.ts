/** Where Redis is: options of every command, and the layer that they describe. */
import * as Options from "@effect/cli/Options"
import type { CacheError, Redis } from "effect-redis-cache"
import * as RedisLayer from "effect-redis-cache/RedisLayer"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type Ended, usage } from "./exit.js"

const url = Options.text("url").pipe(
  Options.withAlias("u"),
  Options.withDescription(
    "redis://user:password@host:6379/0, or rediss:// for TLS; for a cluster, some of its nodes, separated by commas. " +
      "Default: REDIS_URL, which keeps passwords out of the list of processes"
  ),
  Options.withFallbackConfig(Config.string("REDIS_URL")),
  Options.withDefault("redis://localhost:6379")
)

const prefix = Options.text("prefix").pipe(
  Options.withAlias("p"),
  Options.withDescription("The prefix of the services' layers, e.g. app: (default: REDIS_PREFIX)"),
  Options.withFallbackConfig(Config.string("REDIS_PREFIX")),
  Options.withDefault("")
)

const cluster = Options.boolean("cluster").pipe(
  Options.withDescription("It is a Redis Cluster, and --url names one of its nodes, or several")
)

const sentinel = Options.text("sentinel").pipe(
  Options.withDescription("host:port of a sentinel that knows the master's address. May be given several times"),
  Options.repeated
)

const master = Options.text("master").pipe(
  Options.withDescription("The name by which sentinels know the master"),
  Options.withDefault("mymaster")
)

const timeout = Options.text("timeout").pipe(
  Options.withDescription("How long to wait for an answer from Redis, e.g. \"500 millis\""),
  Options.withDefault("5 seconds")
)

const json = Options.boolean("json").pipe(Options.withDescription("Print JSON, for scripts"))

export const connection = { url, prefix, cluster, sentinel, master, timeout, json }

export interface Connection {
  readonly url: string
  readonly prefix: string
  readonly cluster: boolean
  readonly sentinel: ReadonlyArray<string>
  readonly master: string
  readonly timeout: string
  readonly json: boolean
}

/** Options without a value. */
export const flags = [
  ...["--json", "--cluster", "--yes", "-y", "--stored", "--actions"],
  ...["--help", "-h", "--version", "--wizard"]
]

const address = (text: string): Effect.Effect<{ readonly host: string; readonly port: number }, Ended> => {
  const colon = text.lastIndexOf(":")
  const port = Number(text.slice(colon + 1))
  return colon > 0 && Number.isInteger(port)
    ? Effect.succeed({ host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port })
    : Effect.fail(usage(`--sentinel takes host:port, got ${text}`))
}

const durationOf = (text: string): Effect.Effect<Duration.Duration, Ended> =>
  Option.match(Duration.decodeUnknown(text), {
    onNone: () => Effect.fail(usage(`--timeout takes a duration such as "5 seconds", got ${text}`)),
    onSome: Effect.succeed
  })

/** With the database and the password of a url, which sentinels do not know. */
const behindSentinels = (
  { master: name, sentinel: sentinels, url: given }: Connection,
  common: RedisLayer.CommonOptions
) =>
  Effect.map(
    Effect.forEach(sentinels, address),
    (addresses) => RedisLayer.layer({ ...common, url: given, sentinels: [...addresses], name })
  )

/** The address of Redis, as text without a password. With sentinels, the url's host has no meaning. */
export const placeOf = ({ master, sentinel, url: given }: Connection): string =>
  sentinel.length > 0
    ? `${master}, known to ${sentinel.join(", ")}`
    : given.split(",").map((each) => each.replace(/^(\w+:\/\/)[^@/]*@/, "$1")).join(",")

export const layer = (
  options: Connection
): Layer.Layer<Redis.Redis, CacheError.RedisError | Ended> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    const limit = yield* durationOf(options.timeout)
    const common = { prefix: options.prefix, commandTimeout: limit, connectTimeout: limit }
    if (options.cluster && options.sentinel.length > 0) {
      return yield* usage("a cluster has no sentinels: leave out --cluster or --sentinel")
    }
    if (options.sentinel.length > 0) return yield* behindSentinels(options, common)
    const urls = options.url.split(",").map((each) => each.trim())
    if (options.cluster) return RedisLayer.layerCluster(urls, common)
    if (urls.length > 1) return yield* usage("several urls are those of a cluster: add --cluster")
    return RedisLayer.layer({ ...common, url: urls[0] })
  }))
