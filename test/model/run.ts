/** Runs a history against caches in memory, behind a layer that delays operations and loses answers. */
import { Cause, Context, Data, Effect, Exit, Fiber, FiberRef, HashSet, Layer, Option, Random, Ref } from "effect"
import { Cache, Redis, RedisLayer } from "effect-redis-cache"
import { makeService } from "../../src/internal/cache/runtime.js"
import type { Driver } from "../../src/internal/driver/driver.js"
import * as Entry from "../../src/internal/entry/format.js"
import { type History, keyCount, type Load, maxDuration, type Operation, show, type Step } from "./history.js"
import { type Call, keyTags, Record, valueTags, violations } from "./record.js"
import { Hang, Simulation } from "./simulation.js"

class LoadFailure extends Data.TaggedError("LoadFailure")<{ readonly load: string }> {}

const keys = Array.from({ length: keyCount }, (_, i) => `key${i}`)

const valueIn = (bytes: Uint8Array): string | undefined =>
  /<[wl]\d+>/.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"))?.[0]

/** Notes what is stored, right where it is. */
const watched = (driver: Driver, record: Record, now: () => number): Driver => {
  const stored = (bytes: Uint8Array | undefined): string | undefined => {
    const value = bytes === undefined ? undefined : valueIn(bytes)
    if (value !== undefined) record.stored(value, Entry.freshUntil(bytes!))
    return value
  }
  return {
    ...driver,
    set: (write, reply) => {
      stored(write.bytes)
      return driver.set(write, reply)
    },
    swap: (request, kind) => {
      stored(request.bytes)
      return driver.swap(request, kind)
    },
    fill: (requests) =>
      Effect.map(driver.fill(requests), (filled) => {
        for (const [i, { bytes }] of requests.entries()) {
          const value = stored(bytes)
          if (filled[i] === true && value !== undefined) record.filled(value, now())
        }
        return filled
      })
  }
}

type Service = Context.Tag.Service<typeof Redis.Redis>

const policyOf = ({ policy }: History) => ({
  name: "model",
  timeToLive: policy.timeToLive,
  staleWhileRevalidate: policy.staleWhileRevalidate,
  staleIfError: policy.staleIfError,
  lease: { duration: policy.leaseDuration, maxDuration, wait: 120 },
  ...(policy.maxStaleness === undefined ? {} : { near: { capacity: 10, maxStaleness: policy.maxStaleness } }),
  ...(policy.tags === "Key" || policy.tags === "Both"
    ? { tags: (key: string) => keyTags(keys.indexOf(key)) }
    : {}),
  ...(policy.tags === "Value" || policy.tags === "Both"
    ? { valueTags: (value: unknown) => valueTags(String(value)) }
    : {})
})

/** Changes a driver so that it breaks its promises. */
export type Mutant = (driver: Driver) => Driver

const program = (history: History, record: Record, mutant: Mutant) =>
  Effect.gen(function*() {
    const cache = Cache.make(policyOf(history))
    const server = RedisLayer.memoryServer()
    const clock = yield* Effect.clock
    const inner = Layer.effect(
      Redis.Redis,
      Effect.map(Redis.Redis, ({ driver, runtime }) => ({
        driver: watched(mutant(driver), record, () => clock.unsafeCurrentTimeMillis()),
        runtime
      }))
    ).pipe(Layer.provide(RedisLayer.layerMemoryServer(server)))
    const faulty = RedisLayer.layerFaulty({
      ...(history.delay === 0 ? {} : {
        delayBefore: { min: 0, max: history.delay },
        delayAfter: { min: 0, max: history.delay }
      }),
      feed: { delay: { min: 0, max: history.delay }, loss: history.loss, silence: { min: 0, max: history.silence } },
      lostReply: { probability: history.lost, timeout: { min: 20, max: 90 } }
    }).pipe(Layer.provide(inner))
    // Plain writes may be overtaken by what is sent after them, until they are answered.
    const overtaken = Layer.scoped(
      Redis.Redis,
      Effect.flatMap(Redis.Redis, ({ driver }) =>
        makeService({
          ...driver,
          set: (write, reply) =>
            history.delay === 0
              ? driver.set(write, reply)
              : Effect.flatMap(Random.nextIntBetween(0, history.delay), (millis) =>
                Effect.zipRight(Effect.sleep(millis), driver.set(write, reply)))
        }))
    ).pipe(Layer.provide(faulty))
    const services: Array<Service> = []
    for (let i = 0; i < history.instances; i++) {
      services.push(Context.get(yield* Layer.build(Layer.fresh(overtaken)), Redis.Redis))
    }

    const compute = (key: string, instance: number, { duration, outcome }: Load, batched = false) =>
      Effect.suspend(() => {
        const computation = {
          value: record.next("l"),
          key: keys.indexOf(key),
          instance,
          batched,
          began: record.tick(),
          ended: undefined as number | undefined
        }
        record.computations.set(computation.value, computation)
        const result: Effect.Effect<unknown, LoadFailure> = outcome === "Succeed"
          ? Effect.succeed(computation.value)
          : outcome === "Fail"
          ? Effect.fail(new LoadFailure({ load: computation.value }))
          : outcome === "Die"
          ? Effect.die(new LoadFailure({ load: computation.value }))
          : Effect.interrupt
        return (duration === 0 ? result : Effect.zipRight(Effect.sleep(duration), result)).pipe(
          Effect.ensuring(Effect.sync(() => {
            computation.ended = record.tick()
          }))
        )
      })

    const perform = (operation: Operation, instance: number, call: Call): Effect.Effect<void, unknown, Redis.Redis> => {
      const gave = (key: number, value: unknown) => {
        call.read = [...call.read, { key, value: value === undefined ? undefined : String(value) }]
      }
      switch (operation._tag) {
        case "get":
          return Effect.map(Cache.get(cache, keys[operation.key]!), (value) =>
            gave(operation.key, Option.getOrUndefined(value)))
        case "take":
          return Effect.map(Cache.take(cache, keys[operation.key]!), (value) => {
            gave(operation.key, Option.getOrUndefined(value))
            call.replaced = true
          })
        case "set":
          return Effect.map(Cache.set(cache, keys[operation.key]!, call.writes!), () => {
            call.replaced = true
          })
        case "delete":
          return Effect.map(Cache.delete(cache, keys[operation.key]!), () => {
            call.replaced = true
          })
        case "setIfAbsent":
          return Effect.map(Cache.setIfAbsent(cache, keys[operation.key]!, call.writes!), (done) => {
            call.replaced = done
          })
        case "modify":
          return Effect.map(
            Cache.modify(cache, keys[operation.key]!, (value) => {
              const found = Option.getOrUndefined(value)
              call.found = found === undefined ? undefined : String(found)
              gave(operation.key, found)
              return Effect.as(Effect.sleep(5), Option.some<unknown>(call.writes))
            }),
            () => {
              call.replaced = true
            }
          )
        case "invalidateTags":
          return Effect.map(Cache.invalidateTags(cache, [operation.tag]), () => {
            call.replaced = true
          })
        case "getOrSet": {
          const load = (key: string) =>
            compute(key, instance, operation.load)
          return Effect.map(
            Cache.getOrSet(cache, keys[operation.key]!, load, { timeout: operation.timeout }),
            (value) =>
              gave(operation.key, value)
          )
        }
        case "refresh":
          return Effect.map(
            Cache.refresh(cache, keys[operation.key]!, (key) =>
              compute(key, instance, operation.load)),
            (value) => gave(operation.key, value)
          )
        case "getOrSetMany":
          return Effect.map(
            Cache.getOrSetMany(cache, keys, (absent) =>
              Effect.forEach(absent, (key) =>
                Effect.map(compute(key, instance, operation.load, true), (value) =>
                  [key, value] as const), {
                concurrency: "unbounded"
              })),
            (values) => {
              for (const [key, value] of values) {
                gave(keys.indexOf(key), value)
              }
            }
          )
      }
    }

    const run = ({ instance, interruptAfter, operation, pause }: Step) =>
      Effect.gen(function*() {
        if (pause > 0) {
          yield* Effect.sleep(pause)
        }
        const beganMillis = yield* Effect.clockWith((clock) =>
          clock.currentTimeMillis
        )
        const writes = operation._tag === "set" || operation._tag === "setIfAbsent" || operation._tag === "modify"
        const call: Call = {
          id: record.calls.length + 1,
          tag: operation._tag,
          instance,
          key: "key" in operation ? operation.key : undefined,
          invalidates: operation._tag === "invalidateTags" ? operation.tag : undefined,
          writes: writes ? record.next("w") : undefined,
          beganMillis,
          began: record.tick(),
          acknowledged: undefined,
          acknowledgedMillis: Infinity,
          ended: undefined,
          replaced: false,
          found: undefined,
          read: [],
          failure: undefined,
          interruptedByOthers: false,
          result: ""
        }
        record.calls.push(call)
        const interrupted = yield* Ref.make(false)
        const fiber = yield* Effect.fork(
          Effect.provideService(perform(operation, instance, call), Redis.Redis, services[instance]!)
        )
        if (interruptAfter !== undefined) {
          yield* Effect.forkDaemon(
            Effect.zipRight(
              Effect.sleep(interruptAfter),
              Effect.suspend(() =>
                call.ended === undefined
                  ? Effect.zipRight(Ref.set(interrupted, true), Fiber.interrupt(fiber))
                  : Effect.void
              )
            )
          )
        }
        const exit = yield* Fiber.await(fiber)
        call.ended = record.tick()
        if (Exit.isSuccess(exit)) {
          call.acknowledged = call.ended
          call.acknowledgedMillis = yield* Effect.clockWith((clock) =>
            clock.currentTimeMillis
          )
          call.result = call.read.map(({ value }) =>
            value ?? "none"
          ).join(" ") || String(call.replaced)
          return
        }
        call.result = Cause.pretty(exit.cause).split("\n")[0]!
        call.interruptedByOthers = Cause.isInterruptedOnly(exit.cause) && !(yield* Ref.get(interrupted))
        const failure = Option.orElse(Cause.failureOption(exit.cause), () => Cause.dieOption(exit.cause))
        if (Option.isSome(failure) && failure.value instanceof LoadFailure) {
          call.failure = failure.value.load
        } // A defect of ours is no answer at all.
        else if (Option.isSome(Cause.dieOption(exit.cause))) {
          throw new Error(Cause.pretty(exit.cause))
        }
      })

    const fibers = yield* Effect.forEach(
      history.fibers,
      (steps) => Effect.fork(Effect.forEach(steps, run, { discard: true }))
    )
    yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber), { discard: true })
    // Time for what goes on by itself: refreshes, loads whose callers ran out of time, answers under way. A refresh that
    // failed at the very end keeps its lease for a second. Heartbeats would go on as long.
    yield* Effect.sleep(history.policy.maxStaleness === undefined ? 5_000 : 1_500)
    const wrong: Array<string> = []
    for (const [i, { runtime }] of services.entries()) {
      if (runtime.flights.size > 0) wrong.push(`#${i} still has a load in flight`)
      if (runtime.near.reading > 0) wrong.push(`#${i} still has a read that may fill`)
      if (runtime.refreshes !== 0) wrong.push(`#${i} still counts ${runtime.refreshes} refreshes`)
    }
    const { driver } = Context.get(yield* Layer.build(RedisLayer.layerMemoryServer(server)), Redis.Redis)
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    for (const key of keys) {
      const left = yield* driver.inspect(`model:${key}`)
      const lease = left === undefined || !Entry.isEntry(left.bytes) ? undefined : Entry.lease(left.bytes)
      if (lease !== undefined && lease.until > now) wrong.push(`the lease of ${key} was left behind`)
    }
    return wrong
  }).pipe(
    Effect.scoped,
    Effect.withRandom(Random.make(history.seed)),
    Effect.locally(FiberRef.currentLoggers, HashSet.empty())
  )

/** Runs a history; what comes back is what is wrong, and how it came to it. */
export const run = (history: History, mutant: Mutant = (driver) => driver): ReadonlyArray<string> => {
  const record = new Record(history)
  const wrong: Array<string> = []
  try {
    wrong.push(...new Simulation(history.seed, 30_000).run(program(history, record, mutant)))
  } catch (error) {
    if (!(error instanceof Hang)) throw error
    wrong.push(error.message)
  }
  wrong.push(...violations(record))
  return wrong.length === 0 ? wrong : [...wrong, show(history), record.show()]
}

/** A history runs in one go, and the test runner wants to be heard now and then. */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
