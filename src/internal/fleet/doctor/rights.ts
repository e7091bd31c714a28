/**
 * Whether this user may do what the library needs: each kind of operation is done once, on a key outside every cache,
 * which is removed at the end. A list of rights would have to be kept in step with what is sent; this cannot be out of
 * step.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { RedisError } from "../../../CacheError.js"
import { toHex } from "../../bytes/hex.js"
import type { Runtime } from "../../cache/runtime.js"
import * as Entry from "../../entry/format.js"
import { probeKey } from "../../key/reserved.js"
import { readAll } from "../readAll.js"
import { bad, type Finding, ok, unknown } from "./finding.js"

/** What the right is for, and an operation that needs it. */
type Step = readonly [purpose: string, run: Effect.Effect<unknown, RedisError>]

/** When the test key expires, in ms, even if this process dies. */
const life = 10_000

const steps = ({ driver, random }: Runtime, key: string): ReadonlyArray<Step> => {
  const token = random.make(Entry.tokenSize)
  const bytes = Entry.encode(
    { version: 0, freshUntil: 0, loadMillis: 0, failure: false, tags: [], payload: new Uint8Array(0) },
    random
  )
  const set = driver.set<void, RedisError, never>({ key, bytes, life }, {
    onSuccess: () => Effect.void,
    onFailure: Effect.fail
  })
  const lease = driver.lease([{ key, seen: bytes, token, duration: life, life, force: false, yields: false }], "entry")
  const tag = { key: `${key}:tag`, life }
  return [
    ["reads", readAll(driver, [key])],
    ["writes", set],
    ["listing keys", Stream.runDrain(Stream.take(driver.scan(key), 1))],
    ["listing keys", driver.heads([key], 1)],
    ["loads", lease],
    ["loads", driver.renew([{ key, token, duration: life }])],
    [
      "loads",
      driver.fill([{ key, token, bytes, life, replaces: undefined, leaseLife: life }])
    ],
    ["loads", driver.release([{ key, token }])],
    ["setIfAbsent and modify", driver.swap({ key, seen: bytes, bytes, life }, "entry")],
    ["touch", driver.touch({ key, seen: bytes, freshUntil: 0, life, leaseLife: life }, "entry")],
    ["expire", driver.expire([{ key, writeId: random.make(Entry.writeIdSize), windows: undefined }])],
    ["counters", driver.increment({ key: `${key}:count`, delta: 1, life })],
    ["counters", driver.increment({ key: `${key}:count`, delta: 1, life })],
    ["tags", driver.ensureEpochs([{ ...tag, candidate: random.make(Entry.epochSize) }])],
    ["tags", driver.replaceEpochs([{ key: tag.key, epoch: random.make(Entry.epochSize), expire: false }])],
    ["deleting", driver.remove([key, tag.key, `${key}:count`])]
  ]
}

/** The ACL rule for what this user may not do, from the error of Redis. */
const ruleOf = (error: RedisError, prefix: string): string | undefined => {
  const text = error.cause instanceof Error ? error.cause.message : ""
  const command = /the '([\w|]+)' (?:command|subcommand)/.exec(text)?.[1]
  if (command !== undefined) return `+${command.toLowerCase()}`
  if (/access (?:a key|one of the keys)|\bkeys? used/i.test(text)) return `~${prefix}*`
  return undefined
}

const denied = (failures: ReadonlyArray<readonly [purpose: string, error: RedisError]>, prefix: string): Finding => {
  const purposes = [...new Set(failures.map(([purpose]) => purpose))]
  const rules = [...new Set(failures.flatMap(([, error]) => ruleOf(error, prefix) ?? []))]
  const said = failures[0]![1].cause
  return bad(
    "rights",
    `this user may not do what these need: ${purposes.join(", ")}. Redis says: ${
      said instanceof Error ? said.message : String(said)
    }`,
    rules.length > 0
      ? `ACL SETUSER <user> ${rules.join(" ")}; docs/operations/security.md has the whole list of rights`
      : "docs/operations/security.md has the list of rights that a user needs"
  )
}

export const rights = (runtime: Runtime): Effect.Effect<Finding> =>
  Effect.gen(function*() {
    const { driver, random } = runtime
    const failures: Array<readonly [string, RedisError]> = []
    for (const [purpose, run] of steps(runtime, probeKey(driver.prefix, toHex(random.make(8))))) {
      const done = yield* Effect.either(run)
      if (Either.isRight(done)) continue
      const error = done.left
      // Further questions are useless, and each would wait as long.
      if (error.reason !== "Auth") {
        return unknown("rights", `they could not be tried, since ${purpose} fail for another reason: ${error.message}`)
      }
      failures.push([purpose, error])
    }
    return failures.length === 0
      ? ok("rights", "this user may do all that caches need")
      : denied(failures, driver.prefix)
  })

/** Near copies, `Cache.changes` and callers that wait for another process's load need these reports of changes. */
export const tracking = ({ feed }: Runtime, patience: number): Effect.Effect<Finding> =>
  feed.start.pipe(
    Effect.timeoutFail({
      duration: patience,
      onTimeout: () => new RedisError({ reason: "Timeout", operation: "watch", cause: new Error("no answer") })
    }),
    Effect.match({
      onSuccess: () => ok("tracking", "the server tells of changes: near copies are kept, and Cache.changes tells"),
      onFailure: (error): Finding => ({
        ...bad(
          "tracking",
          `the server does not tell of changes, so near copies are not kept, and Cache.changes fails: ${error.message}`,
          error.reason === "Auth"
            ? "ACL SETUSER <user> +client|id +client|tracking +subscribe &__redis__:invalidate"
            : "It takes CLIENT TRACKING, which some proxies and hosted servers do without: connect to Redis itself"
        ),
        level: "warn"
      })
    })
  )
