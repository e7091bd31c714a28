/** Passwords, encryption keys and cached values appear in no error, no log and no span, whatever goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Config,
  Context,
  Effect,
  Exit,
  Layer,
  Logger,
  LogLevel,
  Option,
  Redacted,
  Schema,
  Stream,
  Tracer
} from "effect"
import { Cache, Codec, Memo, Redis, RedisLayer } from "effect-redis-cache"
import { Redis as Client } from "ioredis"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { freePort } from "../support/freePort.js"
import * as Proxy from "../support/proxy.js"
import * as RedisServer from "../support/redisServer.js"
import { uniquePrefix } from "../support/sharedRedis.js"

const password = "hunter2-%/pass word"
const username = "agent-smith"
const value = "the-cached-value"
const key = Uint8Array.from({ length: 32 }, (_, i) => 200 - i)

const secrets = [
  password,
  encodeURIComponent(password),
  "hunter2",
  value,
  Buffer.from(value).toString("hex"),
  Buffer.from(value).toString("base64").slice(0, 16),
  Buffer.from(key).toString("hex").slice(0, 16),
  Buffer.from(key).toString("base64").slice(0, 16),
  [...key.subarray(0, 4)].join(", "),
  [...key.subarray(0, 4)].join(","),
  [...Buffer.from(value).subarray(0, 6)].join(", "),
  [...Buffer.from(value).subarray(0, 6)].join(",")
]

/** Everything of a result that a person, a log or a collector of spans may see. */
const everythingOf = (thing: unknown): string => {
  const texts: Array<string> = []
  for (let each = thing; each !== undefined; each = each instanceof Error ? each.cause : undefined) {
    const cause = Cause.isCause(each) ? each : Cause.fail(each)
    texts.push(
      String(each),
      inspect(each, { depth: 30, showHidden: true, maxArrayLength: null, maxStringLength: null }),
      JSON.stringify(each) ?? "",
      Cause.pretty(cause, { renderErrorCause: true }),
      JSON.stringify(cause),
      String(cause)
    )
    if (each instanceof Error) texts.push(each.message, each.stack ?? "")
    for (const error of Cause.failures(cause)) {
      if (error !== each && error instanceof Error) texts.push(everythingOf(error))
    }
    for (const defect of Cause.defects(cause)) if (defect instanceof Error) texts.push(everythingOf(defect))
  }
  return texts.join("\n")
}

const assertNone = (what: string, thing: unknown): void => {
  const text = typeof thing === "string" ? thing : everythingOf(thing)
  for (const secret of secrets) {
    const at = text.indexOf(secret)
    if (at >= 0) assert.fail(`${what} tells "${secret}": …${text.slice(Math.max(0, at - 150), at + 80)}…`)
  }
}

/** Records every log of any level and every span, with all their contents. */
const watching = () => {
  const noted: Array<string> = []
  let spans = 0
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      return {
        _tag: "Span",
        spanId: "span",
        traceId: "trace",
        name,
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes,
        status: { _tag: "Started", startTime },
        attribute: (field, held) => void attributes.set(field, held),
        event: (event, _, held) => void noted.push(`event ${event} ${inspect(held)}`),
        end: (_, exit) => {
          spans++
          noted.push(`span ${name} ${inspect([...attributes])} ${Exit.isFailure(exit) ? everythingOf(exit.cause) : ""}`)
        },
        addLinks: () => undefined
      }
    },
    context: (f) => f()
  })
  const logger = Logger.make((entry) => {
    noted.push(
      `${inspect(entry.message, { depth: 20 })} ${inspect([...entry.annotations])} ${everythingOf(entry.cause)}`,
      Logger.jsonLogger.log(entry),
      Logger.logfmtLogger.log(entry)
    )
  })
  return {
    noted,
    spans: () => spans,
    layer: Layer.mergeAll(
      Layer.setTracer(tracer),
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All)
    )
  }
}

const keys = { current: { id: "2025", key: Redacted.make(key) } }

const plain = Cache.make({ name: "plain", timeToLive: "1 minute" })
const sealed = Cache.make({ name: "sealed", codec: Codec.structural<unknown>().pipe(Codec.encrypted(keys)) })
const typed = Cache.make({ name: "typed", schema: Schema.Struct({ field: Schema.Literal("a", "b") }) })
const counts = Cache.counter({ name: "counts" })
const stale = Cache.make({ name: "stale", timeToLive: 1, staleIfError: "1 hour" })
const bypassing = Cache.make({ name: "bypassing", onRedisError: "bypass", near: { capacity: 10 } })
const memo = Memo.cached((_: string) => Effect.succeed(value), { name: "memo", timeToLive: "1 minute" })

const operations: ReadonlyArray<Effect.Effect<unknown, unknown, Redis.Redis>> = [
  Cache.set(plain, "a", value),
  Cache.setMany(plain, { a: value, b: value }),
  Cache.setIfAbsent(plain, "c", value),
  Cache.get(plain, "a"),
  Cache.getMany(plain, ["a", "b"]),
  Cache.modify(plain, "a", () => Option.some<unknown>(value)),
  Cache.getOrSet(plain, "d", Effect.succeed(value)),
  Cache.getOrSet(plain, "e", Effect.die(new Error("a defect"))),
  Cache.set(sealed, "a", { value }),
  Cache.get(sealed, "a"),
  Cache.explain(sealed, "a"),
  Cache.getOrSet(sealed, "b", Effect.succeed({ value })),
  Effect.zipRight(Cache.set(stale, "a", value), Effect.delay(Cache.getOrSet(stale, "a", Effect.fail("away")), 5)),
  Cache.set(bypassing, "a", value),
  Cache.getOrSet(bypassing, "a", Effect.succeed(value)),
  Cache.increment(counts, "a"),
  Cache.invalidateTags(plain, ["t"]),
  Cache.delete(plain, "a"),
  Cache.take(plain, "a"),
  Stream.runDrain(Cache.keys(plain)),
  Cache.flush(plain),
  memo("a"),
  Effect.suspend(() => Cache.set(plain, "f", { value, f: () => value })),
  Effect.suspend(() => Cache.set(typed, "a", { field: value as "a" }))
]

/** Runs all of these on such a layer, traced and logged, and searches every output. */
const assertKept = (name: string, layer: Layer.Layer<Redis.Redis, unknown>) =>
  Effect.gen(function*() {
    const { layer: seen, noted, spans } = watching()
    const traced = RedisLayer.layerTraced.pipe(Layer.provide(layer), Layer.provideMerge(seen))
    const built = yield* Effect.exit(Layer.build(traced))
    if (Exit.isFailure(built)) assertNone(`${name}: the layer`, built.cause)
    else {
      assertNone(
        `${name}: the service`,
        inspect(Context.get(built.value, Redis.Redis), { depth: 30, showHidden: true })
      )
      for (const [i, operation] of operations.entries()) {
        const exit = yield* Effect.exit(Effect.provide(operation, built.value))
        if (Exit.isFailure(exit)) assertNone(`${name}: operation ${i}`, exit.cause)
      }
      assert.isAbove(spans(), 5)
    }
    for (const each of noted) assertNone(`${name}: a log or a span`, each)
    return Exit.isSuccess(built)
  })

const urlOf = (port: number) => `redis://${username}:${encodeURIComponent(password)}@127.0.0.1:${port}`

const acl = (rules: string) => [
  "user default off",
  "user admin on >admin ~* &* +@all",
  `user ${username} on #${createHash("sha256").update(password).digest("hex")} ${rules}`
]

describe("secrets stay secret", () => {
  it.scopedLive("if everything works, and if stored entries were tampered with", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ acl: acl("~* &* +@all") })
      const prefix = uniquePrefix()
      assert.isTrue(yield* assertKept("well", RedisLayer.layer({ url: urlOf(server.port), prefix })))
      const admin = yield* Effect.acquireRelease(
        Effect.sync(() => new Client({ port: server.port, username: "admin", password: "admin" })),
        (client) => Effect.sync(() => client.disconnect())
      )
      yield* Effect.gen(function*() {
        yield* Cache.set(sealed, "a", { value })
        yield* Cache.set(plain, "a", value)
        // One entry under another's key, and one that is not a value of its schema.
        yield* Effect.promise(async () => {
          await admin.copy(`${prefix}sealed:a`, `${prefix}sealed:b`, "REPLACE")
          await admin.set(
            `${prefix}typed:a`,
            Buffer.concat([Buffer.from("e1000000010203040500000000000000", "hex"), Buffer.from(`{"field":"${value}"}`)])
          )
          await admin.setrange(`${prefix}plain:a`, 16, "\u0001")
        })
      }).pipe(Effect.provide(RedisLayer.layer({ url: urlOf(server.port), prefix })))
      const { layer: seen, noted } = watching()
      yield* Effect.gen(function*() {
        for (const [cache, of] of [[sealed, "b"], [typed, "a"], [plain, "a"]] as const) {
          yield* Cache.get(cache as typeof sealed, of)
          const { reason, state } = yield* Cache.explain(cache as typeof sealed, of)
          assert.strictEqual(state, "Undecodable")
          assertNone("what explain says", reason)
        }
      }).pipe(Effect.provide(Layer.provideMerge(RedisLayer.layer({ url: urlOf(server.port), prefix }), seen)))
      assert.isAtLeast(noted.filter((each) => each.includes("could not be decoded")).length, 3)
      for (const each of noted) assertNone("a log", each)
    }), 30_000)

  it.scopedLive("if the password is wrong, nothing listens, or nothing answers", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "right" })
      const dead = yield* Effect.promise(freePort)
      const proxy = yield* Proxy.make(server.port)
      yield* Effect.promise(proxy.blackhole)
      const given = { username, password }
      const layers: Readonly<Record<string, Layer.Layer<Redis.Redis, unknown>>> = {
        "wrong, in a url": RedisLayer.layer(urlOf(server.port)),
        "wrong, in options": RedisLayer.layer({ port: server.port, ...given }),
        "wrong, lazy": RedisLayer.layer({ port: server.port, ...given, lazy: true }),
        "wrong, from Config": RedisLayer.layerConfig({
          port: Config.succeed(server.port),
          username: Config.succeed(username),
          password: Config.succeed(Redacted.make(password))
        }),
        "dead, in a url": RedisLayer.layer(urlOf(dead)),
        "dead, lazy": RedisLayer.layer({ port: dead, ...given, lazy: true }),
        "dead, a cluster": RedisLayer.layerCluster([urlOf(dead)], { connectTimeout: "2 seconds" }),
        "no cluster": RedisLayer.layerCluster([urlOf(server.port)], { connectTimeout: "2 seconds" }),
        "silent": RedisLayer.layer({ url: urlOf(proxy.port), connectTimeout: "200 millis" }),
        "silent, lazy": RedisLayer.layer({ url: urlOf(proxy.port), commandTimeout: "50 millis", lazy: true }),
        "no url": RedisLayer.layer(`redis://:${password}@host:${password}`),
        "no scheme": RedisLayer.layer(`${encodeURIComponent(password)}:x@host`),
        "a url in which it was not encoded": RedisLayer.layer(`redis://${username}:12?hunter2=x@127.0.0.1:${dead}`),
        "another": RedisLayer.layer(`redis://${username}:12#hunter2@127.0.0.1:${dead}`),
        "and another": RedisLayer.layer(`redis://${username}:hunter2%@127.0.0.1:${dead}`),
        "a wrong option": RedisLayer.layer({ ...given, port: dead, commandTimeout: -1 })
      }
      for (const [name, layer] of Object.entries(layers)) {
        assert.strictEqual(yield* assertKept(name, layer), name.includes("lazy"), name)
      }
    }), 60_000)

  it.scopedLive(
    "if commands are refused, unknown, out of memory, or unanswered",
    () =>
      Effect.gen(function*() {
        const refusing = yield* RedisServer.make({ acl: acl("~* &* -@all +mget +info +time") })
        // A server that does not know a command repeats its arguments.
        const renamed = ["SET", "EVALSHA", "EVAL", "GETDEL", "AUTH"].flatMap((name) => ["--rename-command", name, ""])
        const unknowing = yield* RedisServer.make({ args: renamed })
        const full = yield* RedisServer.make({ acl: acl("~* &* +@all"), args: ["--maxmemory", "1"] })
        const silent = yield* RedisServer.make({ acl: acl("~* &* +@all") })
        const proxy = yield* Proxy.make(silent.port)
        assert.isTrue(yield* assertKept("refusing", RedisLayer.layer(urlOf(refusing.port))))
        assert.isTrue(yield* assertKept("unknowing", RedisLayer.layer({ port: unknowing.port })))
        assert.isFalse(yield* assertKept("not knowing AUTH", RedisLayer.layer(urlOf(unknowing.port))))
        assert.isTrue(yield* assertKept("full", RedisLayer.layer(urlOf(full.port))))
        const silenced = RedisLayer.layer({ url: urlOf(proxy.port), commandTimeout: "60 millis" }).pipe(
          Layer.tap(() => Effect.promise(proxy.blackhole))
        )
        assert.isTrue(yield* assertKept("silent", silenced))
      }),
    60_000
  )
})
