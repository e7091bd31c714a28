/** The leases of one load: requesting them, waiting for another process's lease, renewing, releasing. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { RedisError } from "../../CacheError.js"
import type { CacheInstance } from "../cache/instance.js"
import type { Bell } from "../changes/feed.js"
import { isUnsent } from "../driver/breaker.js"
import type { LeaseReply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import type { Task } from "./task.js"

/**
 * After how long a lease that another process holds is requested again, in ms, if its end is not reported. Later it is
 * an eighth of the wait so far, so that no caller waits much longer than it has to.
 */
const firstPollMillis = 5
const lastPollMillis = 100
const pollPause = (waited: number): number => Math.min(lastPollMillis, Math.max(firstPollMillis, Math.ceil(waited / 8)))

/** The outcome of a wait for another process's load, and when it was requested. */
export interface Look {
  readonly reply: LeaseReply
  readonly asked: number
}

export class Leases<Key, Value> {
  constructor(private readonly instance: CacheInstance<Key, Value>, private readonly force: boolean) {}

  private get runtime() {
    return this.instance.runtime
  }

  private get policy() {
    return this.instance.definition.policy
  }

  private monotonic(clock: Clock.Clock): number {
    return this.runtime.driver.unsafeMonotonic(clock)
  }

  /** Takes the leases that are free. */
  ask(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<ReadonlyArray<LeaseReply>, RedisError> {
    const { leaseDuration, leaseLife } = this.policy
    return Effect.clockWith((clock) => {
      for (const task of tasks) task.claimed = true
      return this.runtime.driver.lease(
        tasks.map(({ redisKey, seen, token, yields }) => ({
          key: redisKey,
          seen,
          token,
          duration: leaseDuration,
          life: leaseLife,
          force: this.force,
          yields
        })),
        this.instance.definition.kind
      ).pipe(
        Effect.map((replies) => {
          const heldUntil = this.monotonic(clock) + leaseDuration
          for (const [i, task] of tasks.entries()) {
            const reply = replies[i]!
            task.claimed = reply._tag === "Granted"
            task.barred = reply._tag === "Barred"
            task.grant = reply._tag === "Granted" ? reply.grant : undefined
            task.heldUntil = heldUntil
          }
          return replies
        }),
        Effect.tapError((error) =>
          Effect.sync(() => {
            // A request that was never sent took no lease.
            if (isUnsent(error)) {
              for (const task of tasks) task.claimed = false
            }
          })
        )
      )
    })
  }

  /** Releases the leases that these tasks have, or may have. `backOff`: their source is left alone for this many ms. */
  release(tasks: Iterable<Task<Key>>, backOff?: number): Effect.Effect<void> {
    return Effect.suspend(() => this.giveUp(tasks, backOff))
  }

  /** The same; what is returned releases them, and from now on nothing else does. */
  giveUp(tasks: Iterable<Task<Key>>, backOff?: number): Effect.Effect<void> {
    const claimed = [...tasks].filter((task) => task.claimed)
    if (claimed.length === 0) return Effect.void
    for (const task of claimed) task.claimed = false
    return Effect.catchAll(
      this.runtime.driver.release(claimed.map(({ redisKey, token }) => ({ key: redisKey, token, backOff }))),
      // It ends by itself, after at most `lease.duration`.
      (error) =>
        Effect.annotateLogs(Effect.logDebug(`A lease could not be released, and ends by itself: ${error.message}`), {
          cache: this.instance.definition.name,
          key: claimed.map((task) => task.redisKey).join(" ")
        })
    )
  }

  /** The same, without waiting for the answer. */
  releaseBehind(tasks: ReadonlyArray<Task<Key>>): Effect.Effect<void> {
    return Effect.asVoid(this.runtime.background.fork(Effect.uninterruptible(this.release(tasks))))
  }

  /** Renews the leases. A renewal that fails is tried again at the next turn; a lease that is lost stays lost. */
  renew(tasks: Iterable<Task<Key>>): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      const mine = [...tasks].filter((task) => task.claimed)
      if (mine.length === 0) return Effect.void
      const { leaseDuration: duration } = this.policy
      const asked = this.monotonic(clock)
      return this.runtime.driver.renew(mine.map(({ redisKey, token }) => ({ key: redisKey, token, duration }))).pipe(
        Effect.map((renewed) => {
          for (const [i, task] of mine.entries()) {
            if (renewed[i] === true) task.heldUntil = asked + duration
            // Lost before its time was over: to a write, or to a forced load.
            else if (asked <= task.heldUntil) task.heldUntil = Infinity
          }
        }),
        Effect.ignore
      )
    })
  }

  /**
   * Waits for a lease that another process holds, and polls by requesting it. Ends with the outcome of the key: this
   * load got the lease, or something was stored. It ends with nothing if the caller should wait no longer: `lease.wait`
   * is over, or two other loads have ended without a value and a third has begun.
   *
   * @param granted what has to be read anew as soon as the lease is granted, before anything is computed
   */
  waitFor(
    task: Task<Key>,
    holder: Uint8Array,
    millis: number,
    granted: Effect.Effect<void, RedisError>
  ): Effect.Effect<Look | undefined, RedisError> {
    const { feed } = this.runtime.near
    return Effect.acquireUseRelease(
      Effect.sync(() => feed.hang(task.redisKey)),
      (bell) =>
        Effect.clockWith((clock) => {
          const wait = new Wait(bell, holder, this.monotonic(clock) + millis, this.monotonic(clock), granted)
          // The bell did not report changes from before it was hung. So if bells ring, the first read is at once.
          return feed.hears(clock) ? this.lookAgain(task, wait) : this.pauseThenLook(task, wait, millis)
        }),
      (bell) => Effect.sync(() => feed.unhang(bell))
    )
  }

  /** Waits until the bell rings, or it is time to look anyway. */
  private pauseThenLook(task: Task<Key>, wait: Wait, held: number): Effect.Effect<Look | undefined, RedisError> {
    return Effect.clockWith((clock) => {
      const waited = this.monotonic(clock) - wait.began
      const left = this.policy.leaseWait - waited
      if (left <= 0) return Effect.succeed(undefined)
      // A process that dies rings no bell, and the end of a lease is not reported.
      const longest = this.runtime.near.feed.hears(clock) ? Math.max(1, Math.ceil(held)) : pollPause(waited)
      const pause = Effect.acquireUseRelease(
        Effect.fork(
          Effect.interruptible(Effect.map(Effect.sleep(Math.min(longest, left)), () => wait.bell.latch.unsafeOpen()))
        ),
        () => wait.bell.latch.await,
        Fiber.interrupt
      )
      return Effect.zipRight(pause, this.lookAgain(task, wait))
    })
  }

  private lookAgain(task: Task<Key>, wait: Wait): Effect.Effect<Look | undefined, RedisError> {
    return Effect.suspend(() => {
      wait.bell.latch.unsafeClose()
      const asked = ++this.runtime.sequence
      return Effect.flatMap(this.ask([task]), ([answer]): Effect.Effect<Look | undefined, RedisError> => {
        const reply = answer!
        switch (reply._tag) {
          case "Granted":
            return Effect.as(wait.granted, { reply, asked })
          case "Held":
            // The load that this one waited for has failed, and the source is left alone now.
            if (Entry.sameBytes(reply.holder, Entry.noToken)) return Effect.succeed({ reply, asked })
            return Effect.clockWith((clock) =>
              wait.goesOn(reply, this.monotonic(clock))
                ? this.pauseThenLook(task, wait, reply.millis)
                : Effect.succeed(undefined)
            )
          case "Found":
          case "Barred":
            return Effect.succeed({ reply, asked })
        }
      })
    })
  }
}

/**
 * This many other loads may end early while a caller waits. The key of the first may have been deleted meanwhile, which
 * looks like a failure from here; if the second ends early as well, the source fails.
 */
const patience = 1

/** Times are on a clock that never jumps. */
class Wait {
  private ended = 0

  constructor(
    readonly bell: Bell,
    /** The load that is waited for. */
    private holder: Uint8Array,
    /** When its lease ends, unless it is renewed. */
    private until: number,
    readonly began: number,
    readonly granted: Effect.Effect<void, RedisError>
  ) {}

  /** Whether to wait for the load that has the lease now. */
  goesOn({ holder, millis }: { readonly holder: Uint8Array; readonly millis: number }, now: number): boolean {
    // If a lease ran out, its holder has died: no attempt has failed.
    if (!Entry.sameBytes(holder, this.holder) && now < this.until) this.ended++
    this.holder = holder
    this.until = now + millis
    return this.ended <= patience
  }
}
