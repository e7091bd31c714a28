/** Performs the operations of a history, and records their outcomes. */
import { Cause, Data, Effect, Option } from "effect"
import { Cache, type Redis } from "effect-redis-cache"
import { allKeys, hold, type Load, type Operation } from "./history.js"
import type { Call, Computation, Record } from "./record.js"

/** What a user's load fails or dies with. */
export class LoadFailure extends Data.TaggedError("LoadFailure")<{ readonly load: string }> {}

class RolledBack extends Data.TaggedError("RolledBack") {}

export const keys = allKeys.map((key) => `key${key}`)

/** A user's load with this duration and outcome; no value if a batch has none. */
const compute = (
  record: Record,
  computation: Computation,
  { duration, outcome }: Load
): Effect.Effect<string | Cache.Unchanged | undefined, LoadFailure> =>
  Effect.suspend(() => {
    const { told, value } = computation
    const result = (): Effect.Effect<string | Cache.Unchanged | undefined, LoadFailure> => {
      switch (outcome) {
        case "Unchanged":
          computation.unchanged = told !== undefined
          return Effect.succeed(told === undefined ? value : Cache.unchanged)
        case "Succeed":
          return Effect.succeed(value)
        case "Nothing":
          return Effect.succeed(undefined)
        case "Fail":
          return Effect.fail(new LoadFailure({ load: value }))
        case "Die":
          return Effect.die(new LoadFailure({ load: value }))
        case "Interrupt":
          return Effect.interrupt
      }
    }
    return (duration === 0 ? result() : Effect.zipRight(Effect.sleep(duration), result())).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          computation.ended = record.tick()
          computation.exit = exit._tag === "Success"
            ? "Success"
            : Cause.isInterrupted(exit.cause)
            ? "Interruption"
            : "Failure"
        })
      )
    )
  })

/** Loads these keys at once; gives the values that exist. */
const computeAll = (
  record: Record,
  call: Call,
  batch: ReadonlyArray<number>,
  loads: (key: number) => Load,
  told: (key: number) => Cache.Previous<unknown> | undefined
): Effect.Effect<ReadonlyArray<readonly [string, string | Cache.Unchanged]>, LoadFailure> =>
  Effect.suspend(() => {
    const computations = batch.map((key) => record.computation(call, key, batch))
    for (const computation of computations) {
      const previous = told(computation.key)
      computation.told = previous === undefined ? undefined : String(previous.value)
    }
    const each = Effect.forEach(
      computations,
      (computation) =>
        Effect.map(compute(record, computation, loads(computation.key)), (value) =>
          value === undefined ? [] : [[keys[computation.key]!, value] as const]),
      { concurrency: "unbounded" }
    )
    return Effect.ensuring(
      Effect.map(each, (pairs) =>
        pairs.flat()),
      Effect.sync(() => {
        const over = record.tick()
        for (const computation of computations) computation.over = over
      })
    )
  })

export const perform = (
  cache: Cache.Cache<string, unknown, unknown, Redis.Redis>,
  record: Record,
  operation: Operation,
  call: Call,
  die: () => void
): Effect.Effect<void, unknown, Redis.Redis> => {
  const gave = (key: number, value: unknown): void => {
    call.read.push({ key, value: value === undefined ? undefined : String(value) })
  }
  const wrote = () => {
    for (const key of call.keys) call.put.set(key, call.writes.get(key))
  }
  const alone = (key: number, load: Load) => (_: string, previous: Option.Option<Cache.Previous<unknown>>) =>
    Effect.map(
      computeAll(record, call, [key], () => load, () => Option.getOrUndefined(previous)),
      ([pair]) => pair?.[1]
    )
  switch (operation._tag) {
    case "get":
      return Effect.map(
        Cache.get(cache, keys[operation.key]!),
        (value) => gave(operation.key, Option.getOrUndefined(value))
      )
    case "has":
      return Effect.map(Cache.has(cache, keys[operation.key]!), (saw) => {
        call.saw = saw
      })
    case "getMany":
      return Effect.map(Cache.getMany(cache, keys), (values) => {
        for (const key of allKeys) gave(key, values.get(keys[key]!))
      })
    case "take":
      return Effect.map(Cache.take(cache, keys[operation.key]!), (value) => {
        gave(operation.key, Option.getOrUndefined(value))
        wrote()
      })
    case "set":
      return Effect.map(Cache.set(cache, keys[operation.key]!, call.writes.get(operation.key)), wrote)
    case "setMany":
      return Effect.map(Cache.setMany(cache, allKeys.map((key) => [keys[key]!, call.writes.get(key)] as const)), wrote)
    case "delete":
      return Effect.map(Cache.delete(cache, keys[operation.key]!), wrote)
    case "expire":
      return Effect.asVoid(Cache.expire(cache, keys[operation.key]!))
    case "deleteMany":
      return Effect.map(Cache.deleteMany(cache, keys), wrote)
    case "setIfAbsent":
      return Effect.map(Cache.setIfAbsent(cache, keys[operation.key]!, call.writes.get(operation.key)), (done) => {
        if (done) wrote()
        call.saw = !done
      })
    case "touch":
      return Effect.map(Cache.touch(cache, keys[operation.key]!, operation.life), (done) => {
        call.saw = done
      })
    case "modify":
      return Effect.map(
        Cache.modify(cache, keys[operation.key]!, (value) => {
          const found = Option.getOrUndefined(value)
          call.found = found === undefined ? undefined : String(found)
          const next = operation.answer === "None"
            ? Option.none()
            : operation.answer === "Same"
            ? value
            : Option.some<unknown>(call.writes.get(operation.key))
          return Effect.as(Effect.sleep(5), next)
        }),
        (value) => {
          gave(operation.key, call.found)
          call.put.set(operation.key, Option.getOrUndefined(Option.map(value, String)))
        }
      )
    case "invalidateTags":
      return Cache.invalidateTags(cache, [operation.tag])
    case "expireTags":
      return Cache.expireTags(cache, [operation.tag])
    case "update": {
      const { after, before, dies, key, linger, outcome, own, store, tag } = operation
      const source = Effect.gen(function*() {
        if (before > 0) yield* Effect.sleep(before)
        if (own !== undefined) gave(key, yield* Cache.getOrSet(cache, keys[key]!, alone(key, own)))
        if (outcome === "RollBack") return yield* new RolledBack()
        call.committed = record.tick()
        if (dies) {
          call.died = true
          die()
        } else if (after > 0) yield* Effect.sleep(after)
      })
      return Cache.invalidating(source, cache, [keys[key]!], {
        hold,
        linger,
        tags: tag === undefined ? [] : [tag],
        store: store ? () => [[keys[key]!, call.writes.get(key)]] : undefined
      })
    }
    case "getOrSet": {
      const { forceRefresh, key, load, soft, timeout: hard } = operation
      const timeout = soft === undefined ? hard : hard === undefined ? { soft } : { soft, hard }
      return Effect.map(
        Cache.getOrSet(cache, keys[key]!, alone(key, load), { timeout, forceRefresh }),
        (value) => gave(key, value)
      )
    }
    case "refresh": {
      const { key, load } = operation
      return Effect.map(Cache.refresh(cache, keys[key]!, alone(key, load)), (value) => gave(key, value))
    }
    case "getOrSetMany":
      return Effect.map(
        Cache.getOrSetMany(
          cache,
          keys,
          (absent, previous) =>
            computeAll(
              record,
              call,
              absent.map((key) => keys.indexOf(key)),
              (key) => operation.loads[key]!,
              (key) => previous.get(keys[key]!)
            )
        ),
        (values) => {
          for (const [key, value] of values) gave(keys.indexOf(key), value)
        }
      )
  }
}
