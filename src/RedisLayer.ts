/**
 * Layers that supply `Redis`: on a real server, in memory, or switched off.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
/** @ts-ignore ioredis is an optional peer: without it, the options that use its types accept anything. */
import type { Cluster as IoredisCluster, Redis as IoredisClient, RedisOptions } from "ioredis"
import type { RedisError } from "./CacheError.js"
import { makeService, makeTracking, type Runtime, type ServiceOptions } from "./internal/cache/runtime.js"
import type { Delay, Fault, FaultyOptions } from "./internal/driver/faults.js"
import { faulty } from "./internal/driver/faulty.js"
import { memory } from "./internal/driver/memory.js"
import { MemoryServer } from "./internal/driver/memoryServer.js"
import { off } from "./internal/driver/off.js"
import { traced } from "./internal/driver/traced.js"
import { publishingAs } from "./internal/fleet/publish.js"
import { graceOf, type Opened, plainText, publishingOf, revealed } from "./internal/redis/connection/options.js"
import * as Ioredis from "./internal/redis/ioredis/layers.js"
import { Redis } from "./Redis.js"

/**
 * How a process publishes its caches' figures.
 *
 * @since 0.1.0
 * @category models
 */
export interface PublishOptions {
  /** Default: 5 seconds. At least 100 milliseconds. */
  readonly every?: Duration.DurationInput | undefined
  /** A readable name for this process. Default: its host's name and its process id. */
  readonly name?: string | undefined
}

/**
 * What this library adds to a client's options.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommonOptions {
  /** Precedes every key, e.g. `app:`. Default: nothing. */
  readonly prefix?: string | undefined
  /** A command that is not answered within this fails with reason `Timeout`. Default: 1 second. */
  readonly commandTimeout?: Duration.DurationInput | undefined
  /**
   * When to open the additional connection that keeps near copies coherent, by Redis's `CLIENT TRACKING`. `"onDemand"`,
   * the default: when a cache with `near`, `Cache.changes` or `Reactivity` is first used. If the server or a proxy
   * refuses, such caches do without copies, and a warning is logged. `"required"`: from the start. If the server
   * refuses, the layer fails with the server's error.
   */
  readonly tracking?: "onDemand" | "required" | undefined
  /**
   * Publishes this process's figures under one small key, which is written every few seconds and expires after the
   * process has ended. `Fleet.stats` adds up the figures of all processes. `every`: how often, by default every 5
   * seconds. `name`: a readable name for this process, by default its host and process id. Default: `false`, nothing is
   * published.
   */
  readonly publish?: boolean | PublishOptions | undefined
  /**
   * How many keys this process remembers during an outage: those that caches with `onRedisError: "bypass"` wrote or
   * removed while Redis did not answer. They are removed once Redis answers. If there are more, the cache with the most
   * of them is flushed instead. Default: 100,000, which take about 20 MB.
   */
  readonly maxRemembered?: number | undefined
  /**
   * How long background work (refreshes of stale values, loads, what `Memo.cachedAsync` runs) may go on when the layer
   * closes, before it is interrupted. Default: 500 milliseconds, in memory none. Zero: none. See `drain` too.
   */
  readonly grace?: Duration.DurationInput | undefined
}

/** Options of ioredis that this library sets, so that nothing is ever sent twice, and nothing waits without a bound. */
type SetHere =
  | "autoResendUnfulfilledCommands"
  | "autoResubscribe"
  | "commandTimeout"
  | "connectTimeout"
  | "enableAutoPipelining"
  | "enableOfflineQueue"
  | "keyPrefix"
  | "lazyConnect"
  | "maxLoadingRetryTime"
  | "maxRetriesPerRequest"
  | "reconnectOnError"
  | "retryStrategy"

/** Options of ioredis that say which server to connect to. */
type Whereabouts =
  | "db"
  | "host"
  | "name"
  | "natMap"
  | "path"
  | "port"
  | "readOnly"
  | "role"
  | `${string}entinel${string}`

/**
 * What a connection authenticates with. Without `username`, it authenticates as the default user.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted | string
}

/**
 * Options for credentials that change during the life of the layer.
 *
 * @since 0.1.0
 * @category models
 */
export interface CredentialsOptions<R = never> {
  /**
   * An effect that supplies credentials. It runs for every new connection, including reconnections, so it suits rotated
   * passwords and tokens that expire. It must answer within `connectTimeout`. If it fails, this attempt to connect
   * fails with a `RedisError` of reason `Auth`, whose cause has the effect's error as its own `cause`; the next attempt
   * runs it again. It replaces `username` and `password`. There may be several connections (for near copies, and to
   * each master of a cluster): let the effect reuse a token while that is valid, for example with
   * `Effect.cachedWithTTL`.
   */
  readonly credentials?: Effect.Effect<Credentials, unknown, R> | undefined
}

/**
 * The options of `layer`: this library's, and those of ioredis, except the ones that this library sets so that nothing
 * is ever sent twice and nothing waits without a bound. With `sentinels` and `name`, every new connection asks Sentinel
 * where the master is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> extends CommonOptions, CredentialsOptions<R>, Omit<RedisOptions, SetHere> {
  /** `redis://user:password@host:6379/0`, or `rediss://` for TLS. Options are not taken from its query. */
  readonly url?: string | undefined
  /** How long the first connection may take. Default: 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * Connect when first needed, not when the layer is built. The program then starts even if Redis is down, and connects
   * as soon as possible. Such a layer still fails for invalid options, and with `tracking: "required"` if it cannot
   * connect. Otherwise it never fails, so `Layer.orDie` is safe. Default: `false`.
   */
  readonly lazy?: boolean | undefined
}

const scoped = <E, R>(
  opened: Effect.Effect<Opened, E, R>
): Layer.Layer<Redis, E | RedisError, Exclude<R, Scope.Scope>> =>
  Layer.scoped(
    Redis,
    Effect.flatMap(
      opened,
      ({ driver, grace, maxRemembered, publishing, tracksWithin }) =>
        publishingAs(publishing, (tally) => makeTracking(driver, tracksWithin, { grace, maxRemembered, tally }))
    )
  )

/**
 * A connection of its own to a Redis or Valkey server, 6.2 or later. The layer connects when it is built, so with a
 * wrong address or password it fails within `connectTimeout`. A lost connection is made again, after as many attempts
 * as it takes, with pauses of up to half a second; meanwhile operations fail at once. A connection that answers nothing
 * for three times `commandTimeout` is replaced, too. While values are on their way to the server it has longer: up to a
 * second for each 64 kB.
 *
 * @example
 * ```ts
 * import { RedisLayer } from "effect-redis-cache"
 *
 * export const fromUrl = RedisLayer.layer("redis://localhost:6379")
 * export const fromOptions = RedisLayer.layer({ host: "localhost", prefix: "app:", commandTimeout: "500 millis" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options: string | Options<R>
): Layer.Layer<Redis, RedisError, Exclude<R, Scope.Scope>> => scoped(Ioredis.connect(options))

/**
 * Certificates, as PEM texts: the ones to trust instead of the system's (`ca`), and the client's own if the server
 * requires one (`cert` and `key`).
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsOptions {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  /** The name in the server's certificate, if it is not the host's name. */
  readonly servername?: string | undefined
}

/**
 * The options of `layerConfig`. All of them may come from the environment.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConfigOptions extends CommonOptions, CredentialsOptions {
  readonly url?: Redacted.Redacted | string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly db?: number | undefined
  /** Connect with TLS, and verify the server's certificate. `rediss://` URLs always use TLS, even if this is `false`. */
  readonly tls?: boolean | TlsOptions | undefined
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly lazy?: boolean | undefined
}

/**
 * `layer`, with options from Effect's `Config`.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { RedisLayer } from "effect-redis-cache"
 *
 * export const RedisLive = RedisLayer.layerConfig({
 *   host: Config.string("REDIS_HOST"),
 *   password: Config.redacted("REDIS_PASSWORD"),
 *   prefix: Config.succeed("app:")
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<ConfigOptions>
): Layer.Layer<Redis, RedisError | ConfigError> =>
  scoped(
    Effect.flatMap(
      Config.unwrap(config),
      ({ url, ...options }) =>
        Ioredis.connect(revealed({ ...options, url: url === undefined ? undefined : plainText(url) }))
    )
  )

/**
 * A server of a cluster: its address, or a url as for `layer`.
 *
 * @since 0.1.0
 * @category models
 */
export type ClusterNode = string | { readonly host: string; readonly port?: number | undefined }

/**
 * The options of `layerCluster`: this library's, and those of ioredis for the connection to each server, except the
 * ones that this library sets.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClusterOptions<R = never>
  extends CommonOptions, CredentialsOptions<R>, Omit<RedisOptions, SetHere | Whereabouts>
{
  /** How long finding the cluster and connecting to its masters may take. Default: 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Connect when first needed, not when the layer is built. Default: `false`. */
  readonly lazy?: boolean | undefined
  /**
   * Maps the `host:port` by which the servers know each other to the address by which this process reaches them: a
   * record, or a function.
   */
  readonly natMap?:
    | Readonly<Record<string, { readonly host: string; readonly port: number }>>
    | ((address: string) => { readonly host: string; readonly port: number } | null | undefined)
    | undefined
}

/**
 * A Redis Cluster: a connection of its own to each master, found through any of the given nodes. It follows failovers
 * and slots that move. Commands that were under way on a connection that is lost fail, and are never sent again.
 * Passwords and TLS are the same for all nodes: those of the options, or of the first url. See
 * `docs/operations/cluster.md` for what a cluster promises.
 *
 * @example
 * ```ts
 * import { RedisLayer } from "effect-redis-cache"
 *
 * export const RedisLive = RedisLayer.layerCluster(
 *   ["redis://10.0.0.1:6379", { host: "10.0.0.2", port: 6379 }],
 *   { prefix: "app:", commandTimeout: "500 millis" }
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCluster = <R = never>(
  nodes: ReadonlyArray<ClusterNode>,
  options: ClusterOptions<R> = {}
): Layer.Layer<Redis, RedisError, Exclude<R, Scope.Scope>> => scoped(Ioredis.connectCluster(nodes, options))

/**
 * The options of `layerClusterConfig`. All of them may come from the environment.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClusterConfigOptions extends CommonOptions, CredentialsOptions {
  /** Urls, which may hold passwords. */
  readonly nodes: ReadonlyArray<Redacted.Redacted | string>
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** Use TLS, and verify the servers' certificates. `rediss://` URLs always use TLS, even if this is `false`. */
  readonly tls?: boolean | TlsOptions | undefined
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly lazy?: boolean | undefined
}

/**
 * `layerCluster`, with options from Effect's `Config`.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { RedisLayer } from "effect-redis-cache"
 *
 * export const RedisLive = RedisLayer.layerClusterConfig({
 *   nodes: Config.array(Config.string(), "REDIS_NODES"), // redis://10.0.0.1:6379,redis://10.0.0.2:6379
 *   password: Config.redacted("REDIS_PASSWORD"),
 *   prefix: Config.succeed("app:")
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClusterConfig = (
  config: Config.Config.Wrap<ClusterConfigOptions>
): Layer.Layer<Redis, RedisError | ConfigError> =>
  scoped(
    Effect.flatMap(
      Config.unwrap(config),
      ({ nodes, ...options }) => Ioredis.connectCluster(nodes.map(plainText), revealed(options))
    )
  )

/**
 * Uses an ioredis client of yours, and never closes it. The client's own settings apply, and `commandTimeout` always
 * holds. By default, ioredis resends commands that were under way when a connection was lost, so that an `increment`
 * may count twice: make the client with `autoResendUnfulfilledCommands: false`. Otherwise a warning is logged. A client
 * that has ended stays ended. Behind sentinels, with `failoverDetector`, ioredis may end a client by itself, if it
 * hears of another master while it asks for the master: connect the client anew on its `end`, or use `layer`, which
 * does.
 *
 * With a `Cluster`, this layer sends over the cluster client's connections to the masters, but not through the client
 * itself, which would resend commands that were under way when a connection was lost. If the client has no connection
 * to a master yet, one is made with its options.
 *
 * Caching shares the connection with everything else that you send over it. Everything is kept in the database that is
 * selected when the layer is built; while another one is selected, every operation fails. Operations also fail inside a
 * `MULTI` of yours that is sent command by command (`client.multi({ pipeline: false })`): commands that are sent
 * meanwhile become part of your transaction, and a write takes place with its `EXEC` although it failed here. Both fail
 * with reason `Command`. For such uses, give the layer a client of its own: `client.duplicate()`.
 *
 * A `keyPrefix` of the client is refused: use `prefix`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFromClient = (
  client: IoredisClient | IoredisCluster,
  options: CommonOptions = {}
): Layer.Layer<Redis, RedisError> => scoped(Ioredis.borrow(client, options))

/**
 * An in-memory replacement for a Redis server. With `layerMemoryServer` several `Redis` instances share one, as
 * processes share a Redis.
 *
 * @since 0.1.0
 * @category models
 */
export interface InMemoryServer {
  /** Removes everything, as `FLUSHALL` does. */
  readonly clear: () => void
  /** How many keys there are. */
  readonly size: number
}

/**
 * Makes a new, empty in-memory server.
 *
 * @since 0.1.0
 * @category constructors
 */
export const memoryServer = (): InMemoryServer => new MemoryServer()

/**
 * Uses an in-memory server that other layers can share.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemoryServer = (
  server: InMemoryServer,
  options: Pick<CommonOptions, "grace" | "prefix" | "publish"> = {}
): Layer.Layer<Redis> =>
  Layer.scoped(
    Redis,
    Effect.flatMap(
      Effect.orDie(Effect.all([publishingOf(options.publish), graceOf(options.grace, 0)])),
      ([publishing, grace]) =>
        publishingAs(publishing, (tally) =>
          // `memoryServer` is the only one to make them.
          makeService(memory(server as MemoryServer, options.prefix ?? ""), { grace, tally }))
    )
  )

/**
 * Keeps everything in memory and behaves like a real Redis: for tests, and for running without one. Time is Effect's
 * `Clock`, read at every operation: `TestClock.adjust` lets entries expire.
 *
 * @example
 * ```ts
 * import { Effect, Option, TestClock, TestContext } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const sessions = Cache.make({ name: "sessions", timeToLive: "10 seconds" })
 *
 * const program = Effect.gen(function*() {
 *   yield* Cache.set(sessions, "ada", "online")
 *   yield* TestClock.adjust("10 seconds")
 *   console.log(Option.isNone(yield* Cache.get(sessions, "ada"))) // true
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide([RedisLayer.layerMemory, TestContext.TestContext])))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Redis> = Layer.scoped(
  Redis,
  Effect.suspend(() => makeService(memory(new MemoryServer(), "")))
)

/**
 * Switches caching off: reads miss, writes succeed but store nothing, `setIfAbsent` returns true, `increment` returns
 * its delta, and every load runs.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOff: Layer.Layer<Redis> = Layer.scoped(Redis, Effect.suspend(() => makeService(off())))

export type { Delay, Fault, FaultyOptions }

/**
 * Wraps a `Redis` so that it misbehaves, by chance or by a script: operations fail, are late, or take place but their
 * answers are lost. Use it to test how your program copes. Chance is Effect's `Random` and time its `Clock`, so a test
 * with a seed under `TestClock` does the same every time.
 *
 * It keeps what a connection promises: operations on one key take place in the order in which they were requested, each
 * once or never, even if the caller was interrupted. The new layer has its own breaker and its own loads in flight.
 *
 * @example
 * ```ts
 * import { Effect, Either, Layer } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const users = Cache.make({ name: "users" })
 *
 * const faulty = RedisLayer.layerFaulty({
 *   script: (operation, keys, call) => operation === "set" && call === 1 ? { fail: "OutOfMemory" } : undefined
 * }).pipe(Layer.provide(RedisLayer.layerMemory))
 *
 * const program = Effect.gen(function*() {
 *   console.log(Either.isLeft(yield* Effect.either(Cache.set(users, "42", "Ada")))) // true
 *   console.log(Either.isRight(yield* Effect.either(Cache.set(users, "42", "Ada")))) // true
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(faulty)))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFaulty = (options: FaultyOptions): Layer.Layer<Redis, never, Redis> =>
  Layer.scoped(
    Redis,
    Effect.flatMap(Redis, ({ driver, runtime }) =>
      Effect.flatMap(faulty(driver, options), (faults) =>
        makeService(faults, {
          ...inherited(runtime),
          maxRemembered: options.maxRemembered ?? runtime.recovery.max
        })))
  )

const inherited = ({ grace, recovery, tally }: Runtime): ServiceOptions => ({
  grace,
  maxRemembered: recovery.max,
  tally
})

/**
 * Adds a span for each round trip, by OpenTelemetry's conventions for database clients: named after its commands
 * (`MGET`, `EVALSHA lease` …), with the operation as you called it, the cache, the server, the number of keys if there
 * are several, and the reason of a failure, but never with a key or a value. Without this layer only loads have spans,
 * so a hit pays for none.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { RedisLayer } from "effect-redis-cache"
 *
 * export const RedisLive = RedisLayer.layerTraced.pipe(
 *   Layer.provide(RedisLayer.layer("redis://localhost:6379"))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTraced: Layer.Layer<Redis, never, Redis> = Layer.scoped(
  Redis,
  Effect.flatMap(Redis, ({ driver, runtime }) => makeService(traced(driver), inherited(runtime)))
)

/**
 * Waits until nothing runs in the background of this `Redis` any more: refreshes of stale values, loads, what
 * `Memo.cachedAsync` runs, and releases of leases. It also waits for work that begins meanwhile. If your platform
 * freezes or ends a process after its response, pass this effect to the platform as work to wait for (often
 * `waitUntil`).
 *
 * It has no time limit of its own and never fails: a refresh that fails is logged where it runs. A load that hangs ends
 * after its cache's `lease.maxDuration`; if that is too long, apply `Effect.timeout` to `drain`. Do not use it inside a
 * load, which would wait for itself.
 *
 * @example
 * ```ts
 * import { Effect, ManagedRuntime } from "effect"
 * import { Cache, RedisLayer } from "effect-redis-cache"
 *
 * const runtime = ManagedRuntime.make(RedisLayer.layerMemory)
 * const pages = Cache.make({ name: "pages", timeToLive: "1 minute", staleWhileRevalidate: "1 hour" })
 *
 * export const handler = async (path: string, waitUntil: (work: Promise<unknown>) => void) => {
 *   const page = await runtime.runPromise(Cache.getOrSet(pages, path, Effect.succeed(`<h1>${path}</h1>`)))
 *   waitUntil(runtime.runPromise(RedisLayer.drain))
 *   return page
 * }
 * ```
 *
 * @since 0.1.0
 * @category draining
 */
export const drain: Effect.Effect<void, never, Redis> = Effect.flatMap(
  Redis,
  ({ runtime }) => runtime.background.drained
)
