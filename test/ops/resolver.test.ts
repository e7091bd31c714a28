/**
 * Requests that a cache answers: the number of reads, the number of calls to the source, and each request's own
 * failure.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Deferred, Effect, Exit, Fiber, Option, Request, RequestResolver, TestClock } from "effect"
import { Cache, type CacheError, Codec, Memo, RedisLayer } from "effect-redis-cache"
import { clean, instances, nothingLeft, settle } from "../load/memoryInstances.js"
import { client, open } from "../support/onRedis.js"
import * as RedisServer from "../support/redisServer.js"

class NotFound extends Data.TaggedError("NotFound")<{ readonly id: string }> {}

class UserById extends Request.TaggedClass("UserById")<
  string,
  NotFound | CacheError.RedisError,
  { readonly id: string }
> {}

const users = Cache.make({ name: "users", codec: Codec.structural<string>(), timeToLive: "1 minute" })

const ids = Array.from({ length: 100 }, (_, n) => `${n}`)

const keyOf = (request: UserById) => request.id

/** A source that answers `<id>!`, except for ids that name another outcome; and the batches that it received. */
const makeSource = (
  outcome: (id: string) => Effect.Effect<string, NotFound> = (id) => Effect.succeed(`${id}!`)
) => {
  const asked: Array<ReadonlyArray<string>> = []
  const source = RequestResolver.makeBatched((requests: ReadonlyArray<UserById>) => {
    asked.push(requests.map(({ id }) => id))
    return Effect.forEach(
      requests,
      (request) => Effect.flatMap(Effect.exit(outcome(request.id)), (exit) => Request.complete(request, exit)),
      { discard: true, concurrency: "unbounded" }
    )
  })
  return { asked, source }
}

const counting = () => {
  const calls: Array<string> = []
  const faults: RedisLayer.FaultyOptions = {
    script: (operation) => {
      calls.push(operation)
      return undefined
    }
  }
  return { calls, faults }
}

type Resolver = Effect.Effect<RequestResolver.RequestResolver<UserById>, never, any>

const all = (keys: Iterable<string>, resolver: Resolver) =>
  Effect.forEach(keys, (id) => Effect.request(new UserById({ id }), resolver), { batching: true })

/** The outcome of each request. */
const outcomes = (keys: Iterable<string>, resolver: Resolver) =>
  Effect.forEach(keys, (id) => Effect.exit(Effect.request(new UserById({ id }), resolver)), { batching: true })

const shown = Exit.match({
  onSuccess: (value: unknown) => String(value),
  onFailure: (cause: Cause.Cause<unknown>) => {
    const error = Cause.failureOption(cause)
    if (Option.isNone(error)) return `died: ${Cause.squash(cause)}`
    return error.value instanceof NotFound ? `NotFound ${error.value.id}` : String(error.value)
  }
})

describe("Cache.resolver", () => {
  it.scoped("100 requests: one read when they are cached; otherwise one read, one round of leases, one batch, one fill", () =>
    Effect.gen(function*() {
      const { calls, faults } = counting()
      const { first } = yield* instances(faults)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      assert.deepStrictEqual(yield* first(all(ids, cached)), ids.map((id) => `${id}!`))
      assert.deepStrictEqual(calls, ["getMany", "lease", "fill"])
      assert.deepStrictEqual(asked, [ids])
      calls.length = 0
      assert.deepStrictEqual(yield* first(all(ids, cached)), ids.map((id) => `${id}!`))
      assert.deepStrictEqual(calls, ["getMany"])
      yield* first(Cache.deleteMany(users, ["7", "8"]))
      calls.length = 0
      yield* first(all(ids, cached))
      assert.deepStrictEqual(calls, ["getMany", "lease", "fill"])
      assert.deepStrictEqual(asked, [ids, ["7", "8"]])
    }))

  it.scoped("for comparison: a memoized function loads each argument by itself", () =>
    Effect.gen(function*() {
      const { calls, faults } = counting()
      const { first } = yield* instances(faults)
      let runs = 0
      const getUser = Memo.cached((id: string) => Effect.sync(() => `${id}! ${++runs}`), {
        name: "getUser",
        timeToLive: "1 minute"
      })
      yield* first(Effect.forEach(ids, (id) => getUser(id), { batching: true, concurrency: "unbounded" }))
      assert.strictEqual(runs, 100)
      assert.strictEqual(calls.filter((operation) => operation === "lease").length, 100)
    }))

  it.scopedLive("100 requests on a real Redis: one MGET when they are cached", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({})
      const { run } = yield* open(RedisLayer.layer(server.url))
      const outside = yield* client(server.url)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      yield* run(all(ids, cached))
      yield* Effect.promise(() => outside.config("RESETSTAT"))
      assert.deepStrictEqual(yield* run(all(ids, cached)), ids.map((id) => `${id}!`))
      const stats = yield* Effect.promise(() => outside.info("commandstats"))
      assert.match(stats, /cmdstat_mget:calls=1,/)
      assert.notMatch(stats, /cmdstat_(get|eval|evalsha):/)
      assert.deepStrictEqual(asked, [ids])
    }))

  it.scoped("requests of one key become one, and each is answered", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { asked, source } = makeSource()
      const cached = Cache.resolver(source, users, { key: keyOf })
      assert.deepStrictEqual(yield* first(all(["a", "b", "a"], cached)), ["a!", "b!", "a!"])
      assert.deepStrictEqual(asked, [["a", "b"]])
    }))

  it.scoped("a failure belongs to one request, is not stored, and leaves no lease", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { asked, source } = makeSource((id) => id === "b" ? new NotFound({ id }) : Effect.succeed(`${id}!`))
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const expected = ["a!", "NotFound b", "c!"]
      assert.deepStrictEqual((yield* first(outcomes(["a", "b", "c"], cached))).map(shown), expected)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:b"), clean)
      assert.deepStrictEqual((yield* first(outcomes(["a", "b", "c"], cached))).map(shown), expected)
      assert.deepStrictEqual(asked, [["a", "b", "c"], ["b"]])
    }))

  it.scoped("a defect belongs to one request; neither it nor the others are loaded again", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const { asked, source } = makeSource((id) =>
        id === "b" ? Effect.die("boom") : id === "c" ? new NotFound({ id }) : Effect.succeed(`${id}!`)
      )
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const exits = yield* first(outcomes(["a", "b", "c", "d"], cached))
      assert.deepStrictEqual(exits.map(shown), ["a!", "died: boom", "NotFound c", "d!"])
      assert.deepStrictEqual(asked[0], ["a", "b", "c", "d"])
      assert.notInclude(asked.slice(1).flat(), "b")
      assert.notInclude(asked.slice(1).flat(), "a")
      for (const key of ["b", "c"]) assert.deepStrictEqual(yield* nothingLeft(services[0]!, `users:${key}`), clean)
    }))

  it.scoped("a source that dies, or omits a request, is a defect of each request, and is called once", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      let runs = 0
      const source = RequestResolver.makeBatched((_: ReadonlyArray<UserById>) => {
        runs++
        return Effect.die("no database")
      })
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const exits = yield* first(outcomes(ids, cached))
      for (const exit of exits) assert.include(shown(exit), "The resolver did not complete the request for users:")
      assert.strictEqual(runs, 1)
    }))

  it.scoped("a key or a value that the cache refuses is a defect of its request", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const small = Cache.make({ name: "small", codec: Codec.structural<string>(), maxValueSize: 10 })
      const { source } = makeSource((id) => Effect.succeed(id === "long" ? "x".repeat(99) : `${id}!`))
      const cached = source.pipe(Cache.resolver(small, {
        key: ({ id }) => {
          if (id === "throws") throw new Error("no key")
          return id
        }
      }))
      const [a, long, half, throws, b] = yield* first(outcomes(["a", "long", "\ud800", "throws", "b"], cached))
      assert.deepStrictEqual([a, b], [Exit.succeed("a!"), Exit.succeed("b!")])
      assert.include(shown(long!), "CodecError")
      assert.include(shown(half!), "CodecError")
      assert.include(shown(throws!), "no key")
    }))

  it.scoped("stale windows: a stale value is returned at once and refreshed in the background, in one batch", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const stale = Cache.make({
        name: "stale",
        codec: Codec.structural<string>(),
        timeToLive: "1 minute",
        staleWhileRevalidate: "1 hour",
        staleIfError: "2 hours"
      })
      let version = 0
      const { asked, source } = makeSource((id) =>
        version === 2 ? new NotFound({ id }) : version === 3 ? Effect.die("boom") : Effect.succeed(`${id} ${version}`)
      )
      const cached = source.pipe(Cache.resolver(stale, { key: keyOf }))
      yield* first(all(["a", "b"], cached))
      yield* TestClock.adjust("2 minutes")
      version = 1
      assert.deepStrictEqual(yield* first(all(["a", "b"], cached)), ["a 0", "b 0"])
      yield* settle
      assert.deepStrictEqual(yield* first(all(["a", "b"], cached)), ["a 1", "b 1"])
      assert.deepStrictEqual(asked, [["a", "b"], ["a", "b"]])
      // Past the first window, the second one applies to failures, and to defects too.
      yield* TestClock.adjust("90 minutes")
      version = 2
      assert.deepStrictEqual(yield* first(all(["a", "b"], cached)), ["a 1", "b 1"])
      version = 3
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* first(all(["a", "b"], cached)), ["a 1", "b 1"])
    }))

  it.scoped("tags of the policy are stored, and invalidating them ends what the cache returns", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const tagged = Cache.make({ name: "tagged", codec: Codec.structural<string>(), tags: () => ["all"] })
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(tagged, { key: keyOf }))
      yield* first(all(["a", "b"], cached))
      yield* first(Cache.invalidateTags(tagged, ["all"]))
      yield* first(all(["a", "b"], cached))
      assert.strictEqual(asked.length, 2)
    }))

  it.scoped("each key has its own lease: keys that another process loads are awaited, the rest is one batch", () =>
    Effect.gen(function*() {
      const { first, second } = yield* instances(undefined, undefined)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const gate = yield* Deferred.make<string>()
      const there = yield* Effect.fork(second(Cache.getOrSet(users, "b", Deferred.await(gate))))
      yield* settle
      const here = yield* Effect.fork(first(all(["a", "b", "c"], cached)))
      yield* settle
      assert.deepStrictEqual(asked, [["a", "c"]])
      yield* Deferred.succeed(gate, "theirs")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(here), ["a!", "theirs", "c!"])
      yield* there
    }))

  it.scoped("a load of this process is joined, but not a batch that omits the key", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const gate = yield* Deferred.make<void>()
      const load = () => Effect.as(Deferred.await(gate), [["a", "loaded"]] as const)
      yield* Effect.fork(first(Cache.getOrSetMany(users, ["a", "b"], load)))
      yield* settle
      const requested = yield* Effect.fork(first(all(["a", "b"], cached)))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(requested), ["loaded", "b!"])
      assert.deepStrictEqual(asked, [["b"]])
    }))

  it.scoped("interrupting one requester does not affect others; when all are gone the load ends", () =>
    Effect.gen(function*() {
      const { first, services } = yield* instances(undefined)
      const gate = yield* Deferred.make<string>()
      let interrupted = 0
      const { source } = makeSource(() =>
        Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => interrupted++))
      )
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const request = (id: string) => first(Effect.request(new UserById({ id }), cached))
      const one = yield* Effect.fork(request("a"))
      const other = yield* Effect.fork(request("a"))
      yield* settle
      yield* Fiber.interrupt(one)
      assert.strictEqual(interrupted, 0)
      yield* Fiber.interrupt(other)
      yield* settle
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual(yield* nothingLeft(services[0]!, "users:a"), clean)
      const batch = yield* Effect.fork(
        first(Effect.forEach(["a", "b"], (id) =>
          Effect.request(new UserById({ id }), cached).pipe(
            id === "a" ? Effect.timeout("1 second") : (still) => still,
            Effect.exit
          ), { batching: true, concurrency: "unbounded" }))
      )
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, "late")
      const [, b] = yield* Fiber.join(batch)
      assert.deepStrictEqual(b, Exit.succeed("late"))
    }))

  it.scoped("together with withRequestCaching: a request runs once within it, including its cache operations", () =>
    Effect.gen(function*() {
      const { calls, faults } = counting()
      const { first } = yield* instances(faults)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      const request = Effect.request(new UserById({ id: "a" }), cached)
      const [one, two] = yield* first(Effect.withRequestCaching(Effect.all([request, request]), true))
      assert.deepStrictEqual([one, two], ["a!", "a!"])
      assert.deepStrictEqual(calls, ["getMany", "lease", "fill"])
      assert.deepStrictEqual(asked, [["a"]])
    }))

  it.scoped("Redis fails: each request gets RedisError, or, with bypass, the source answers them as one batch", () =>
    Effect.gen(function*() {
      const { first } = yield* instances({ script: () => ({ fail: "Connection" }) })
      const { asked, source } = makeSource()
      const failing = source.pipe(Cache.resolver(users, { key: keyOf }))
      for (const exit of yield* first(outcomes(["a", "b"], failing))) {
        assert.match(shown(exit), /^RedisError: .*resolver/)
      }
      assert.deepStrictEqual(asked, [])
      const robust = Cache.make({ name: "robust", codec: Codec.structural<string>(), onRedisError: "bypass" })
      const bypassing = source.pipe(Cache.resolver(robust, { key: keyOf }))
      assert.deepStrictEqual(yield* first(all(["a", "b"], bypassing)), ["a!", "b!"])
      assert.deepStrictEqual(asked, [["a", "b"]])
    }))

  it.scoped("two Redis instances in one program do not answer for each other", () =>
    Effect.gen(function*() {
      const { first } = yield* instances(undefined)
      const { first: other } = yield* instances(undefined)
      const { asked, source } = makeSource()
      const cached = source.pipe(Cache.resolver(users, { key: keyOf }))
      yield* Effect.all([first(all(["a"], cached)), other(all(["a"], cached))], { batching: true })
      assert.strictEqual(asked.length, 2)
      yield* other(Cache.delete(users, "a"))
      yield* Effect.all([first(all(["a"], cached)), other(all(["a"], cached))])
      assert.strictEqual(asked.length, 3)
    }))
})
