/**
 * One process under 64 fibers of load while its Redis is suspended, dies, or is behind a network that misbehaves.
 *
 * Each key has one writer, so the truth is known: each key has a version counter, which its writer increments before it
 * stores or deletes. A read that begins after a write was acknowledged must never return a version older than that
 * write's.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  ManagedRuntime,
  Option,
  Schema,
  type Scope
} from "effect"
import { Cache, type CacheError, type Redis, RedisLayer } from "effect-redis-cache"
import * as net from "node:net"
import { freePort } from "../../support/freePort.js"
import { now } from "../../support/processes/now.js"
import * as Proxy from "../../support/proxy.js"
import * as RedisServer from "../../support/redisServer.js"
import { uniquePrefix } from "../../support/sharedRedis.js"

const commandTimeout = 500
const lease = { wait: 1500 } // its duration is the default, 5 seconds: no caller may have to wait for a lease to expire
const loadMillis = 20
/** The contract's bound on every call. */
const longestCall = 4 * commandTimeout + lease.wait + loadMillis
const fibers = 64

const Value = Schema.Struct({ key: Schema.String, version: Schema.Number })
type Value = typeof Value.Type

const failing = Cache.make({ name: "failing", schema: Value, timeToLive: "1 minute", lease })
const bypassing = Cache.make({
  name: "bypassing",
  schema: Value,
  timeToLive: "1 minute",
  lease,
  tags: (key) => [`tag of ${key}`],
  onRedisError: "bypass"
})

/** The truth about one key of one cache. */
interface Truth {
  readonly key: string
  /** The latest version, which loads compute. */
  version: number
  /** No read that begins now may return an older version. */
  acknowledged: number
}

interface Operation {
  readonly name: string
  readonly asked: number
  readonly answered: number
  readonly failure: CacheError.RedisError | undefined
}

/** The results of one run. */
class Log {
  readonly operations: Array<Operation> = []
  /** Violations. */
  readonly wrong: Array<string> = []
  loads = 0
  /** The longest delay of the event loop, which no library can undo. */
  lag = 0
}

interface Load {
  readonly log: Log
  readonly stop: Effect.Effect<void>
}

type AnyCache = Cache.Cache<string, Value, CacheError.RedisError | CacheError.CodecError>

const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(Math.random() * all.length)]!

/** Starts the fibers; each runs one operation after another, with a short pause in between. */
const startLoad = (
  runtimes: ReadonlyArray<ManagedRuntime.ManagedRuntime<Redis.Redis, CacheError.RedisError>>
): Effect.Effect<Load, never, Scope.Scope> =>
  Effect.gen(function*() {
    const log = new Log()
    const truths = new Map<AnyCache, ReadonlyArray<Truth>>()
    for (const cache of [failing, bypassing]) {
      truths.set(
        cache,
        Array.from({ length: fibers / 4 }, (_, i) => ({ key: `key ${i}`, version: 0, acknowledged: 0 }))
      )
    }

    const record = <A, E extends CacheError.RedisError | CacheError.CodecError, R>(
      cache: AnyCache,
      name: string,
      effect: Effect.Effect<A, E, R>
    ): Effect.Effect<Either.Either<A, E>, never, R> =>
      Effect.suspend(() => {
        const asked = now()
        return Effect.map(Effect.exit(effect), (exit) => {
          if (Exit.isFailure(exit) && (Cause.isInterruptedOnly(exit.cause) || Cause.isDie(exit.cause))) {
            log.wrong.push(`${name} of ${cache.name}: ${exit.cause}`)
          }
          const result = Exit.isSuccess(exit)
            ? Either.right(exit.value)
            : Either.left(Cause.squash(exit.cause) as E) // a defect was counted above
          const failure = Either.isLeft(result) ? result.left : undefined
          if (failure?._tag === "CodecError") log.wrong.push(`${name} of ${cache.name}: ${failure.message}`)
          const reads = name !== "set" && name !== "delete"
          if (failure !== undefined && reads && cache === bypassing) {
            log.wrong.push(`a read of ${cache.name} failed: ${name}: ${failure.message}`)
          }
          log.operations.push({
            name,
            asked,
            answered: now(),
            failure: failure?._tag === "RedisError" ? failure : undefined
          })
          return result
        })
      })

    const check = (cache: AnyCache, name: string, truth: Truth, atLeast: number, value: Value): void => {
      if (value.key !== truth.key) log.wrong.push(`${name} of ${cache.name}: ${value.key} under ${truth.key}`)
      if (value.version < atLeast || value.version > truth.version) {
        log.wrong.push(
          `${name} of ${cache.name}, ${truth.key}: version ${value.version}, when ${atLeast} was acknowledged ` +
            `before and ${truth.version} was the latest`
        )
      }
    }

    const load = (truth: Truth) =>
      Effect.suspend(() => {
        log.loads++
        const value: Value = { key: truth.key, version: truth.version }
        return Effect.as(Effect.sleep(loadMillis), value)
      })

    const read = (cache: AnyCache, all: ReadonlyArray<Truth>) =>
      Effect.suspend(() => {
        const truth = pick(all)
        const atLeast = truth.acknowledged
        switch (pick(["get", "getOrSet", "getOrSet", "getMany", "getOrSetMany"])) {
          case "get":
            return Effect.map(record(cache, "get", Cache.get(cache, truth.key)), (result) => {
              if (Either.isRight(result) && Option.isSome(result.right)) {
                check(cache, "get", truth, atLeast, result.right.value)
              }
            })
          case "getOrSet":
            return Effect.map(record(cache, "getOrSet", Cache.getOrSet(cache, truth.key, load(truth))), (result) => {
              if (Either.isRight(result)) check(cache, "getOrSet", truth, atLeast, result.right)
            })
          default: {
            const some = [truth, pick(all), pick(all)]
            const least = new Map(some.map((one) => [one.key, one.acknowledged]))
            const byKey = new Map(some.map((one) => [one.key, one]))
            const many = Math.random() < 0.5
            const found = many
              ? record(cache, "getMany", Cache.getMany(cache, [...byKey.keys()]))
              : record(
                cache,
                "getOrSetMany",
                Cache.getOrSetMany(cache, [...byKey.keys()], (absent) =>
                  Effect.forEach(absent, (key) =>
                    Effect.map(load(byKey.get(key)!), (value) => [key, value] as const), { concurrency: "unbounded" }))
              )
            return Effect.map(found, (result) => {
              if (Either.isLeft(result)) {
                return
              }
              for (const [key, value] of result.right) {
                check(cache, many ? "getMany" : "getOrSetMany", byKey.get(key)!, least.get(key)!, value)
              }
            })
          }
        }
      })

    const write = (cache: AnyCache, truth: Truth) =>
      Effect.suspend(() => {
        const version = ++truth.version
        if (Math.random() < 0.5) {
          return Effect.map(
            record(cache, "set", Cache.set(cache, truth.key, { key: truth.key, version })),
            (result) => {
              // Under `bypass` a write may have been dropped: that is its promise.
              if (Either.isRight(result) && cache === failing) truth.acknowledged = version
            }
          )
        }
        return Effect.map(record(cache, "delete", Cache.delete(cache, truth.key)), (result) => {
          if (Either.isRight(result)) truth.acknowledged = version
        })
      })

    const end = { at: Infinity }
    const caches: ReadonlyArray<AnyCache> = [failing, bypassing]
    const work = (index: number) => {
      const cache = caches[index % 2]!
      const all = truths.get(cache)!
      const own = index % 4 < 2 ? all[Math.floor(index / 4)]! : undefined
      return Effect.iterate(0, {
        while: () => now() < end.at,
        body: (turn) =>
          Effect.suspend(() => own !== undefined && Math.random() < 0.15 ? write(cache, own) : read(cache, all)).pipe(
            Effect.zipRight(Effect.sleep(Math.random() * 8)),
            Effect.as(turn + 1)
          )
      })
    }

    let last = now()
    const heart = setInterval(() => {
      const beat = now()
      log.lag = Math.max(log.lag, beat - last - 10)
      last = beat
    }, 10)
    yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(heart)))
    const running = yield* Effect.forEach(Array.from({ length: fibers }), (_, i) =>
      Effect.forkScoped(
        Effect.promise(() =>
          runtimes[i % 3 === 0 ? 1 : 0]!.runPromise(Logger.withMinimumLogLevel(work(i), LogLevel.None))
        )
      ))
    return {
      log,
      stop: Effect.suspend(() => {
        end.at = now()
        return Effect.asVoid(Fiber.joinAll(running))
      })
    }
  })

const millis = (value: number): string => value.toFixed(0)

/** Whether the load was answered as the contract says; records what it saw. */
const judge = (what: string, log: Log, back: number): void => {
  const reasons = new Map<string, number>()
  let longest: Operation | undefined
  let recovered = 0
  const late: Array<Operation> = []
  for (const operation of log.operations) {
    if (longest === undefined || operation.answered - operation.asked > longest.answered - longest.asked) {
      longest = operation
    }
    if (operation.failure === undefined) continue
    reasons.set(operation.failure.reason, (reasons.get(operation.failure.reason) ?? 0) + 1)
    recovered = Math.max(recovered, operation.asked - back)
    if (operation.asked > back + 1000 + log.lag) late.push(operation)
  }
  const after = log.operations.filter((operation) => operation.asked > back + 1000 + log.lag)
  const slowest = Math.max(...after.map((operation) => operation.answered - operation.asked))
  console.log(
    `${what}: ${log.operations.length} operations, ${log.loads} loads; failed: ` +
      `${[...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ") || "none"}; ` +
      `longest call ${longest!.name} ${millis(longest!.answered - longest!.asked)} ms; last failure asked ` +
      `${millis(recovered)} ms after the return; from 1 s after it ${after.length} operations, the longest ` +
      `${millis(slowest)} ms; event loop late by ${millis(log.lag)} ms`
  )
  assert.deepStrictEqual(log.wrong.slice(0, 5), [])
  for (const reason of reasons.keys()) assert.include(["Connection", "Timeout", "CircuitOpen"], reason)
  assert.isAtMost(longest!.answered - longest!.asked, longestCall + log.lag, `the longest call, ${longest!.name}`)
  assert.isAbove(after.length, 100, "operations after the return")
  assert.deepStrictEqual(late.slice(0, 3), [], "failed more than a second after Redis was back")
  assert.isAtMost(slowest, 1000 + log.lag, "slow more than a second after Redis was back")
}

interface Trouble {
  readonly server: RedisServer.RedisServer
  readonly proxy: Proxy.Proxy
}

const runtimeOn = (port: number, prefix: string) =>
  Effect.acquireRelease(
    Effect.sync(() => ManagedRuntime.make(RedisLayer.layer({ host: "127.0.0.1", port, prefix, commandTimeout }))),
    (runtime) => Effect.promise(() => runtime.dispose())
  )

const unhandled: Effect.Effect<ReadonlyArray<unknown>, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const seen: Array<unknown> = []
    const listener = (error: unknown): void => void seen.push(error)
    process.on("unhandledRejection", listener)
    return { seen, listener }
  }),
  ({ listener }) => Effect.sync(() => process.off("unhandledRejection", listener))
).pipe(Effect.map(({ seen }) => seen))

/** Load, disturbance, load; `trouble` ends when Redis is back. */
const outage = (
  what: string,
  through: "direct" | "proxy",
  trouble: (trouble: Trouble) => Effect.Effect<void>
) =>
  it.scopedLive(what, () =>
    Effect.gen(function*() {
      const rejections = yield* unhandled
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const prefix = uniquePrefix()
      const port = through === "direct" ? server.port : proxy.port
      // Two instances, like two processes: each waits for the leases of the other.
      const runtimes = [yield* runtimeOn(port, prefix), yield* runtimeOn(port, prefix)]
      const load = yield* startLoad(runtimes)
      yield* Effect.sleep(700)
      yield* trouble({ server, proxy })
      const back = now()
      yield* Effect.sleep(2500)
      yield* load.stop
      judge(what, load.log, back)
      assert.deepStrictEqual(rejections, [])
    }))

const promise = (f: () => Promise<void>) => Effect.promise(f)

describe("64 fibers of load go on, no read is wrong, and everything is normal within a second of the end, if", () => {
  outage("Redis stops (SIGSTOP) and goes on", "direct", ({ server }) =>
    Effect.sync(server.pause).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(Effect.sync(server.resume))
    ))

  outage(
    "Redis stops for longer than the client's patience, and goes on",
    "direct",
    ({ server }) =>
      Effect.sync(server.pause).pipe(
        Effect.zipRight(Effect.sleep(6 * commandTimeout)),
        Effect.zipRight(Effect.sync(server.resume))
      )
  )

  outage(
    "Redis is killed, and started again, empty, after a while",
    "direct",
    ({ server }) =>
      promise(() => server.kill()).pipe(
        Effect.zipRight(Effect.sleep(1200)),
        Effect.zipRight(promise(server.restart))
      )
  )

  outage("Redis is restarted, empty, at once", "direct", ({ server }) => promise(server.restart))

  outage("replies come late, but in time", "proxy", ({ proxy }) =>
    promise(() => proxy.delay(commandTimeout / 3)).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(promise(proxy.pass))
    ))

  outage("replies come too late", "proxy", ({ proxy }) =>
    promise(() => proxy.delay(commandTimeout * 1.5)).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(promise(proxy.pass))
    ))

  outage(
    "connections are reset again and again",
    "proxy",
    ({ proxy }) => Effect.repeatN(Effect.zipRight(promise(proxy.reset), Effect.sleep(120)), 15)
  )

  outage("the network swallows everything", "proxy", ({ proxy }) =>
    promise(proxy.blackhole).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(promise(proxy.pass))
    ))

  outage("replies are lost", "proxy", ({ proxy }) =>
    promise(proxy.dropReplies).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(promise(proxy.pass))
    ))

  outage("replies are lost for a moment, again and again", "proxy", ({ proxy }) =>
    Effect.repeatN(
      promise(proxy.dropReplies).pipe(
        Effect.zipRight(Effect.sleep(20)),
        Effect.zipRight(promise(proxy.pass)),
        Effect.zipRight(Effect.sleep(100))
      ),
      12
    ))

  outage("nobody listens", "proxy", ({ proxy }) =>
    promise(proxy.refuse).pipe(
      Effect.zipRight(Effect.sleep(1500)),
      Effect.zipRight(promise(proxy.pass))
    ))

  outage("all of that happens, in any order", "proxy", ({ proxy, server }) =>
    Effect.gen(function*() {
      const troubles: ReadonlyArray<Effect.Effect<void>> = [
        promise(proxy.reset),
        promise(proxy.blackhole),
        promise(proxy.dropReplies),
        promise(proxy.refuse),
        promise(() => proxy.delay(Math.random() * 2 * commandTimeout)),
        promise(proxy.pass),
        Effect.sync(server.pause),
        Effect.sync(server.resume),
        promise(server.restart)
      ]
      for (let i = 0; i < 40; i++) {
        yield* pick(troubles)
        yield* Effect.sleep(Math.random() * 400)
      }
      yield* promise(server.restart)
      yield* promise(proxy.pass)
    }))
})

/** A path to a server on which connections can die silently: nothing arrives any more, and neither side is told. */
const makeFragile = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const links: Array<() => void> = []
      const sockets: Array<net.Socket> = []
      const server = net.createServer((client) => {
        const upstream = net.connect({ host: "127.0.0.1", port })
        sockets.push(client, upstream)
        for (const socket of [client, upstream]) socket.on("error", () => {})
        client.pipe(upstream)
        upstream.pipe(client)
        links.push(() => {
          client.unpipe()
          upstream.unpipe()
          client.resume()
          upstream.resume()
        })
      })
      const listening = await freePort()
      await new Promise<void>((resolve) => server.listen(listening, "127.0.0.1", resolve))
      return { server, sockets, port: listening, silence: () => links.forEach((link) => link()) }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )

describe("a link to Redis", () => {
  it.scopedLive("that died silently is given up and replaced", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const fragile = yield* makeFragile(server.port)
      const runtime = yield* runtimeOn(fragile.port, uniquePrefix())
      const get = Effect.promise(() => runtime.runPromise(Effect.either(Cache.get(failing, "key"))))
      assert.isTrue(Either.isRight(yield* get))
      fragile.silence()
      const silent = now()
      while (Either.isLeft(yield* get)) {
        assert.isAtMost(now() - silent, 8 * commandTimeout + 2000)
        yield* Effect.sleep(20)
      }
      console.log(`a link that died in silence was replaced after ${millis(now() - silent)} ms`)
    }))

  it.scopedLive("that breaks during a load: the lease is released once there is a link again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const prefix = uniquePrefix()
      const behind = yield* runtimeOn(proxy.port, prefix)
      const direct = yield* runtimeOn(server.port, prefix)
      const slow = Cache.make({
        name: "slow",
        schema: Schema.String,
        lease: { duration: "30 seconds", wait: "60 seconds" }
      })
      const failed = yield* Effect.promise(() =>
        behind.runPromise(Effect.either(Cache.getOrSet(
          slow,
          "key",
          Effect.zipRight(Effect.promise(proxy.refuse), Effect.fail("no value"))
        )))
      )
      assert.deepStrictEqual(failed, Either.left("no value"))
      const waiting = yield* Effect.fork(
        Effect.promise(() => direct.runPromise(Cache.getOrSet(slow, "key", Effect.succeed("value"))))
      )
      yield* Effect.sleep(300)
      yield* Effect.promise(proxy.pass)
      const back = now()
      assert.strictEqual(yield* Fiber.join(waiting), "value")
      console.log(`a lease that could not be released was free ${millis(now() - back)} ms after the link was back`)
      assert.isAtMost(now() - back, 5000)
    }))

  it.scopedLive("is not considered dead by a process that was too busy to read the answer", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const runtime = yield* runtimeOn(server.port, uniquePrefix())
      yield* Effect.promise(() => runtime.runPromise(Cache.get(failing, "key")))
      for (let i = 0; i < 5; i++) {
        const answer = runtime.runPromise(Cache.get(failing, "key"))
        // The command has been sent by then.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        const until = now() + 1.5 * commandTimeout
        while (now() < until);
        assert.deepStrictEqual(yield* Effect.promise(() => answer), Option.none())
      }
    }))
})

describe("while Redis stands still", () => {
  it.scopedLive("a layer closes within the time of a few commands, whatever loads are in flight", () =>
    Effect.gen(function*() {
      const rejections = yield* unhandled
      const server = yield* RedisServer.make()
      const runtime = ManagedRuntime.make(
        Layer.provide(RedisLayer.layer({ url: server.url, commandTimeout }), Logger.minimumLogLevel(LogLevel.None))
      )
      const calls = Array.from(
        { length: fibers },
        (_, i) => runtime.runPromiseExit(Cache.getOrSet(failing, `key ${i}`, Effect.never))
      )
      yield* Effect.sleep(300)
      server.pause()
      const closing = now()
      yield* Effect.promise(() => runtime.dispose())
      const took = now() - closing
      console.log(`a layer with ${fibers} loads in flight closed within ${millis(took)} ms, Redis standing still`)
      const exits = yield* Effect.promise(() => Promise.all(calls))
      assert.isTrue(exits.every(Exit.isFailure))
      assert.isAtMost(took, 4 * commandTimeout)
      assert.deepStrictEqual(rejections, [])
    }))

  it.scopedLive("the origin is protected: all callers that arrive during one computation share the next one", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const runtime = yield* runtimeOn(server.port, uniquePrefix())
      yield* Effect.promise(() => runtime.runPromise(Effect.void))
      server.pause()
      let running = 0
      let most = 0
      let loads = 0
      const load = Effect.acquireUseRelease(
        Effect.sync(() => {
          loads++
          most = Math.max(most, ++running)
        }),
        () => Effect.as(Effect.sleep(50), { key: "one", version: 1 }),
        () => Effect.sync(() => running--)
      )
      const started = now()
      const callers = Array.from({ length: 1000 }, (_, i) => Effect.delay(Cache.getOrSet(bypassing, "one", load), i))
      yield* Effect.promise(() => runtime.runPromise(Effect.all(callers, { concurrency: "unbounded", discard: true })))
      console.log(`1,000 callers within ${millis(now() - started)} ms, Redis standing still: ${loads} loads`)
      assert.strictEqual(most, 1, "loads at the same time")
      assert.isAtMost(loads, Math.ceil((now() - started) / 50) + 1)
    }))
})
