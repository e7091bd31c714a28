/**
 * Publishes the figures of this process every few seconds, under one small key that outlives a few of these intervals,
 * so that a process that dies disappears.
 *
 * Times are server time: the clocks of the machines do not matter. Publishing never disturbs: if it fails, it is tried
 * again at the next interval, and nothing waits for it.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { toHex } from "../bytes/hex.js"
import { RandomBytes } from "../bytes/randomBytes.js"
import type { Runtime } from "../cache/runtime.js"
import { Tally } from "../cache/tally.js"
import * as Entry from "../entry/format.js"
import { directoryKey, reportKey } from "../key/reserved.js"
import { readAll } from "./readAll.js"
import { cacheReport, fromDirectoryBytes, toDirectoryBytes, toReportBytes } from "./report.js"

export interface Publishing {
  /** In ms. */
  readonly every: number
  /** A readable name of this process; `undefined`: its host and its process id. */
  readonly name: string | undefined
}

/** A report lives for this many publishing intervals: one may come late, or fail. */
const livesOf = 3

/** How long the directory stays without a process that needs it, in ms. It is written anew at half time. */
const directoryLife = 3_600_000

/** If several processes write the directory at once, each tries this often before it waits for its next turn. */
const maxTries = 3

/** Whatever a bundler or a runtime makes of `node:os`. */
const ownName = Effect.promise(async () => {
  const pid = typeof process === "undefined" ? 0 : process.pid
  try {
    const { hostname } = await import("node:os")
    return `${hostname()}#${pid}`
  } catch {
    return `#${pid}`
  }
})

/** Keeps this process in the directory, removes those that are gone, and keeps the directory alive. */
const enrol = (runtime: Runtime, id: string, tries = maxTries): Effect.Effect<void, RedisError> =>
  Effect.gen(function*() {
    const { driver, random } = runtime
    const key = directoryKey(driver.prefix)
    const [seen] = yield* readAll(driver, [key])
    const now = driver.unsafeNow(yield* Effect.clock)
    const ids = fromDirectoryBytes(seen)
    const isFresh = seen !== undefined && Entry.isEntry(seen) && Entry.freshUntil(seen) - now > directoryLife / 2
    if (isFresh && ids.includes(id)) return
    const others = ids.filter((other) => other !== id)
    const reports = yield* readAll(driver, others.map((other) => reportKey(driver.prefix, other)))
    const alive = [id, ...others.filter((_, i) => reports[i] !== undefined)]
    const { done } = yield* driver.swap({
      key,
      seen,
      bytes: toDirectoryBytes(alive, Math.ceil(now) + directoryLife, random),
      life: directoryLife
    }, "entry")
    if (!done && tries > 1) yield* enrol(runtime, id, tries - 1)
  })

/** Publishes until the scope closes, and then removes its key. */
const publish = (
  runtime: Runtime,
  tally: Tally,
  { every, name }: Publishing
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { driver, random } = runtime
    const id = toHex(random.make(8))
    const key = reportKey(driver.prefix, id)
    const shown = name ?? (yield* ownName)
    let startedAt: number | undefined
    const tell = Effect.gen(function*() {
      // A lazy connection is not made for this.
      if (driver.unsafeConnections() === 0) return
      const now = Math.floor(driver.unsafeNow(yield* Effect.clock))
      startedAt ??= now
      const bytes = toReportBytes({
        format: 1,
        id,
        name: shown,
        mark: toHex(tally.mark),
        startedAt,
        publishedAt: now,
        everyMillis: every,
        loading: tally.loading,
        caches: tally.totals().map(([cache, totals]) => cacheReport(cache, totals))
      })
      yield* driver.set<void, RedisError, never>({ key, bytes, life: livesOf * every }, {
        onSuccess: () => Effect.void,
        onFailure: Effect.fail
      })
      yield* enrol(runtime, id)
    })
    const calmly = Effect.catchAllCause(tell, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.void
        : Effect.logDebug("The figures of this process could not be published; they are tried again", cause))
    // A random part, so that a fleet that was started at once does not publish in step.
    const pause = Effect.suspend(() => Effect.sleep(Duration.millis(every * (1 - random.fraction() / 5))))
    yield* Effect.addFinalizer(() => Effect.ignore(driver.take([key])))
    yield* Effect.forkScoped(Effect.interruptible(Effect.forever(Effect.zipRight(calmly, pause))))
  })

/** A service whose caches' figures are counted and published, if `publishing` is given. */
export const publishingAs = <E>(
  publishing: Publishing | undefined,
  make: (tally: Tally | undefined) => Effect.Effect<Redis["Type"], E, Scope.Scope>
): Effect.Effect<Redis["Type"], E, Scope.Scope> =>
  Effect.suspend(() => {
    if (publishing === undefined) return make(undefined)
    const tally = new Tally(new RandomBytes())
    return Effect.tap(make(tally), ({ runtime }) => publish(runtime, tally, publishing))
  })
