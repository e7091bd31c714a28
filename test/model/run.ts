/** Runs a history against caches in memory, behind a layer that delays operations and loses answers. */
import { Cause, Context, Effect, Exit, Fiber, FiberRef, HashSet, Layer, Option, Random } from "effect"
import { Cache, CacheError, Redis, RedisLayer } from "effect-redis-cache"
import { makeService } from "../../src/internal/cache/runtime.js"
import { decorate } from "../../src/internal/driver/decorate.js"
import type { Driver } from "../../src/internal/driver/driver.js"
import { MemoryServer } from "../../src/internal/driver/memoryServer.js"
import * as Entry from "../../src/internal/entry/format.js"
import { type History, keyCount, leaseWait, maxDuration, retryAfter, show, type Step } from "./history.js"
import { violations } from "./judge.js"
import { keys, LoadFailure, perform } from "./perform.js"
import { keyTags, Record, valueTags } from "./record.js"
import { Hang, Simulation } from "./simulation.js"

/** Changes a driver so that it breaks its promises. */
export type Mutant = (driver: Driver) => Driver

type Service = Context.Tag.Service<typeof Redis.Redis>

const cacheOf = ({ outage, policy }: History) =>
  Cache.make({
    name: "model",
    onRedisError: outage === undefined ? "fail" : "bypass",
    timeToLive: policy.timeToLive,
    staleWhileRevalidate: policy.staleWhileRevalidate,
    staleIfError: policy.staleIfError,
    retain: policy.retain,
    retryAfter,
    lease: { duration: policy.leaseDuration, maxDuration, wait: leaseWait },
    ...(policy.maxStaleness === undefined ? {} : { near: { capacity: 10, maxStaleness: policy.maxStaleness } }),
    ...(policy.tags === "Key" || policy.tags === "Both"
      ? { tags: (key: string) => keyTags(keys.indexOf(key)) }
      : {}),
    ...(policy.tags === "Value" || policy.tags === "Both"
      ? { valueTags: (value: unknown) => valueTags(String(value)) }
      : {})
  })

const redisKey = (key: number): string => `model:${keys[key]}`

/** The store does not answer in this period. */
const away = (driver: Driver, { from, to }: NonNullable<History["outage"]>): Driver => {
  const refusal = new CacheError.RedisError({ reason: "Connection", operation: "any", cause: new Error("it is away") })
  const answer = <A, E, R>(refused: Effect.Effect<A, E, R>, sent: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.clockWith((clock) => {
      const now = clock.unsafeCurrentTimeMillis()
      return from <= now && now < to ? refused : sent
    })
  return decorate(driver, {
    hot: ({ keys }, send) => (input, reply) =>
      answer(
        Effect.suspend(() => reply.onFailure(refusal, keys(input)[0] ?? "")),
        Effect.suspend(() => send(input, reply))
      ),
    cold: (_, send) => (...input) => answer(Effect.fail(refusal), Effect.suspend(() => send(...input))),
    paged: (_, send) => send
  })
}

/** One process's `Redis`, on an unreliable connection. */
const connection = (
  history: History,
  server: MemoryServer,
  mutant: Mutant,
  outage?: History["outage"]
) => {
  const inner = Layer.effect(
    Redis.Redis,
    Effect.map(Redis.Redis, ({ driver, runtime }) => ({ driver: mutant(driver), runtime }))
  ).pipe(Layer.provide(RedisLayer.layerMemoryServer(server)))
  const faulty = RedisLayer.layerFaulty({
    ...(history.delay === 0 ? {} : {
      delayBefore: { min: 0, max: history.delay },
      delayAfter: { min: 0, max: history.delay }
    }),
    feed: { delay: { min: 0, max: history.delay }, loss: history.loss, silence: { min: 0, max: history.silence } },
    lostReply: { probability: history.lost, timeout: { min: 20, max: 90 } }
  }).pipe(Layer.provide(inner))
  // Until they are answered, plain writes may be overtaken by later commands.
  return Layer.scoped(
    Redis.Redis,
    Effect.flatMap(Redis.Redis, ({ driver }) => {
      const delayed: Driver = {
        ...driver,
        set: (write, reply) =>
          history.delay === 0
            ? driver.set(write, reply)
            : Effect.flatMap(
              Random.nextIntBetween(0, history.delay),
              (millis) => Effect.zipRight(Effect.sleep(millis), driver.set(write, reply))
            )
      }
      return makeService(outage === undefined ? delayed : away(delayed, outage))
    })
  ).pipe(Layer.provide(faulty))
}

/** What must not be left when everything has ended. */
const leftBehind = (services: ReadonlyArray<Service>, server: MemoryServer, now: number): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  for (const [i, { runtime }] of services.entries()) {
    if (runtime.flights.size > 0) wrong.push(`#${i} still has a load in flight`)
    if (runtime.near.reading > 0) wrong.push(`#${i} still has a read that may fill`)
    if (runtime.refreshes !== 0) wrong.push(`#${i} still counts ${runtime.refreshes} refreshes`)
  }
  for (let key = 0; key < keyCount; key++) {
    const left = server.get(redisKey(key), now)?.bytes
    if (left !== undefined && Entry.isHold(left)) wrong.push(`${keys[key]} is still held`)
    const lease = left === undefined || !Entry.isEntry(left) ? undefined : Entry.lease(left)
    // Zeros are not a load's token: they mean that a source is left alone for a while.
    if (lease !== undefined && lease.until > now && lease.token.some((byte) => byte !== 0)) {
      wrong.push(`the lease of ${keys[key]} was left behind`)
    }
  }
  return wrong
}

/** What a dead process sends never takes place. */
const mortal = (driver: Driver, isDead: () => boolean): Driver => {
  const dead = new CacheError.RedisError({ reason: "Connection", operation: "any", cause: new Error("it has died") })
  return decorate(driver, {
    hot: (_, send) => (input, reply) => Effect.suspend(() => isDead() ? reply.onFailure(dead, "") : send(input, reply)),
    cold: (_, send) => (...input) => Effect.suspend(() => isDead() ? Effect.fail(dead) : send(...input)),
    paged: (_, send) => send
  })
}

const program = (history: History, record: Record, mutant: Mutant) =>
  Effect.gen(function*() {
    const cache = cacheOf(history)
    const server = new MemoryServer()
    const unwatch = record.watch(server, redisKey)
    yield* Effect.addFinalizer(() => unwatch)
    const services: Array<Service> = []
    for (let i = 0; i < history.instances; i++) {
      const outage = history.outage?.instance === i ? history.outage : undefined
      const layer = Layer.fresh(connection(history, server, mutant, outage))
      services.push(Context.get(yield* Layer.build(layer), Redis.Redis))
    }

    const run = ({ instance, interruptAfter, operation, pause }: Step) =>
      Effect.gen(function*() {
        if (pause > 0) yield* Effect.sleep(pause)
        const dies = operation._tag === "update" && operation.dies
        // One that dies is a process of its own.
        const call = record.call(operation, dies ? -1 : instance)
        let dead = false
        const own = dies
          ? Layer.fresh(connection(history, server, (driver) => mortal(mutant(driver), () => dead)))
          : Layer.succeed(Redis.Redis, services[instance]!)
        const service = Context.get(yield* Layer.build(own), Redis.Redis)
        let interrupted = false
        const fiber = yield* Effect.fork(
          Effect.provideService(
            perform(cache, record, operation, call, () => {
              dead = true
            }),
            Redis.Redis,
            service
          )
        )
        if (interruptAfter !== undefined) {
          yield* Effect.forkDaemon(
            Effect.zipRight(
              Effect.sleep(interruptAfter),
              Effect.suspend(() => {
                if (call.ended !== undefined) return Effect.void
                interrupted = true
                return Fiber.interrupt(fiber)
              })
            )
          )
        }
        const exit = yield* Fiber.await(fiber)
        call.ended = record.tick()
        if (call.died) {
          call.result = "died"
          return
        }
        if (Exit.isSuccess(exit)) {
          call.acknowledged = call.ended
          call.result = call.read.map(({ value }) => value ?? "none").join(" ") || String(call.saw ?? "done")
          return
        }
        call.result = Cause.pretty(exit.cause).split("\n")[0]!
        const died = Cause.dieOption(exit.cause)
        const cutOff = Option.isSome(died) && String(died.value).includes("was interrupted: lease.maxDuration")
        call.cutOff = cutOff || (Cause.isInterruptedOnly(exit.cause) && !interrupted)
        const failure = Option.orElse(Cause.failureOption(exit.cause), () => died)
        call.timedOut = Option.isSome(failure) && failure.value instanceof CacheError.Empty
        if (Option.isSome(failure) && failure.value instanceof LoadFailure) {
          call.failure = failure.value.load
        } // A defect of the library is not an answer.
        else if (Option.isSome(died) && !cutOff) {
          throw new Error(Cause.pretty(exit.cause))
        }
      })

    const fibers = yield* Effect.forEach(
      history.fibers,
      (steps) => Effect.fork(Effect.forEach(steps, run, { discard: true }))
    )
    yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber), { discard: true })
    // Time for background work: refreshes, loads whose callers timed out, answers in flight. A refresh that failed at
    // the very end keeps its lease for a second. Heartbeats would continue for as long.
    yield* Effect.sleep(history.policy.maxStaleness === undefined ? 5_000 : 1_500)
    if (history.outage !== undefined) {
      // Everything is made good: no reader finds a value that should be gone.
      for (let instance = 0; instance < history.instances; instance++) {
        yield* run({ instance, pause: 0, operation: { _tag: "getMany" }, interruptAfter: undefined })
      }
    }
    return leftBehind(services, server, yield* Effect.clockWith((clock) => clock.currentTimeMillis))
  }).pipe(
    Effect.scoped,
    Effect.withRandom(Random.make(history.seed)),
    Effect.locally(FiberRef.currentLoggers, HashSet.empty())
  )

/** Runs a history; gives the violations, and the events that led to them. */
export const run = (history: History, mutant: Mutant = (driver) => driver): ReadonlyArray<string> => {
  const simulation = new Simulation(history.seed, 30_000)
  const record = new Record(history, () => simulation.unsafeCurrentTimeMillis())
  const wrong: Array<string> = []
  try {
    wrong.push(...simulation.run(program(history, record, mutant)))
  } catch (error) {
    if (!(error instanceof Hang)) throw error
    wrong.push(error.message)
  }
  wrong.push(...violations(record))
  return wrong.length === 0 ? wrong : [...wrong, show(history), record.show()]
}

/** A history runs in one go, and the test runner needs a sign of life now and then. */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
