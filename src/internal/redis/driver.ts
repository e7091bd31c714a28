/** The driver on a real Redis, be it one server or several. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import { Breaker } from "../driver/breaker.js"
import type { Driver, EnsureRequest, EpochRequest, LeaseReply } from "../driver/driver.js"
import * as Entry from "../entry/format.js"
import { askAll, gather, Hot, tell, together } from "./answers.js"
import { AtOnce } from "./atOnce.js"
import type { Callback } from "./batch/sender.js"
import type { Clocks } from "./clocks/localClock.js"
import { FeedLog, type Logger, silent } from "./connection/log.js"
import * as Holds from "./holds/holds.js"
import type { Script } from "./lua.js"
import * as Removing from "./removing/scripts.js"
import { cleared } from "./removing/sweep.js"
import {
  areSoManyBytes,
  type Count,
  type Granted,
  type Held,
  isBytes,
  isBytesOrNothing,
  isCount,
  isCountOrNothing,
  type Shape,
  type Untold
} from "./replies.js"
import type { Argument } from "./resp/request.js"
import { toBuffer } from "./resp/words.js"
import * as Scan from "./scan.js"
import * as Scripts from "./scripts.js"
import type { Servers } from "./servers.js"
import * as Survey from "./survey.js"
import * as Tracking from "./tracking.js"

const isOne = (reply: Count): boolean => Number(reply) === 1

const lifeArgument = (life: number | undefined): Argument => life ?? ""

export interface Options {
  readonly prefix: string
  /** In ms. */
  readonly commandTimeout: number
  readonly logger?: Logger | undefined
  /** Those of this machine, where a test has no others. */
  readonly clocks?: Clocks | undefined
}

type ReleaseRequest = Parameters<Driver["release"]>[0][number]

const toLeaseReply = (reply: Granted | Held | Untold): LeaseReply => {
  if (reply.length === 2) return { _tag: String(reply[1]) === "Barred" ? "Barred" : "Found" }
  const [, , detail, more] = reply
  return Buffer.isBuffer(detail)
    ? { _tag: "Granted", grant: { writeId: detail, turn: more } }
    : { _tag: "Held", millis: Number(detail), holder: more }
}

/** How many keys are removed in one step: longer steps would keep other clients waiting. */
const discarded = 200

/** The most leases that could not be released and are remembered. */
const maxUnreleased = 1000

const readMany = (
  servers: Servers,
  keys: ReadonlyArray<string>,
  callback: Callback<ReadonlyArray<Buffer | undefined>>
): void => {
  const { only } = servers
  if (only === undefined) {
    askAll<string, Buffer | undefined>(keys, (key, one) => servers.at(key).read(key, one), callback)
    return
  }
  const size = only.pageFor(keys[0]!)
  if (keys.length <= size) only.readMany(keys, callback)
  else {
    askAll<ReadonlyArray<string>, ReadonlyArray<Buffer | undefined>>(
      pages(keys, size),
      (page, one) => only.readMany(page, one),
      {
        answer: (found) => callback.answer(found.flat()),
        fail: (error) => callback.fail(error)
      }
    )
  }
}

const pages = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> => {
  const found: Array<ReadonlyArray<A>> = []
  for (let at = 0; at < all.length; at += size) found.push(all.slice(at, at + size))
  return found
}

export const make = (servers: Servers, { commandTimeout, logger = silent, prefix }: Options): Driver => {
  const { clock, only } = servers
  const feedLog = new FeedLog(logger)
  const atOnce = new AtOnce()

  const command = <A>(
    key: string,
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>
  ) =>
    Effect.async<A, RedisError>((resume) => {
      servers.at(key).call(operation, name, args, gives, {
        answer: (reply) => tell(clock, Exit.succeed(reply), resume),
        fail: (error) => resume(Exit.fail(error))
      })
    })

  const script = <A>(run: Script<A>, key: string, args: ReadonlyArray<Argument>) =>
    Effect.async<A, RedisError>((resume) => {
      servers.at(key).run(run, [key], args, {
        answer: (reply) => tell(clock, Exit.succeed(reply), resume),
        fail: (error) => resume(Exit.fail(error))
      })
    })

  /**
   * Releases that may not have arrived, by token. Callers that wait for such a lease would wait until it expires, so
   * the releases are sent again when the connection is back; one that did arrive does nothing the second time.
   */
  const unreleased = new Map<string, ReleaseRequest>()

  const release = (request: ReleaseRequest, callback: Callback<unknown>): void =>
    servers.at(request.key).run(Scripts.release, [request.key], [toBuffer(request.token), request.backOff ?? 0], {
      answer: callback.answer,
      fail: (error) => {
        const lost = error.reason === "Connection" || error.reason === "Timeout"
        if (lost && unreleased.size < maxUnreleased) unreleased.set(toBuffer(request.token).toString("latin1"), request)
        callback.fail(error)
      }
    })

  const listeners: Array<() => void> = []

  servers.onReconnect(() => {
    for (const listener of listeners) listener()
    const again = [...unreleased.values()]
    unreleased.clear()
    for (const request of again) release(request, { answer: () => {}, fail: () => {} })
  })

  /** Each group in one step. */
  const ensureEpochs = (
    groups: ReadonlyArray<ReadonlyArray<EnsureRequest>>
  ): Effect.Effect<ReadonlyArray<Uint8Array>, RedisError> =>
    Effect.map(
      together(
        clock,
        groups,
        (group, callback: Callback<ReadonlyArray<Buffer>>) =>
          servers.at(group[0]!.key).run(
            { ...Scripts.ensureEpochs, gives: areSoManyBytes(group.length) },
            group.map(({ key }) => key),
            group.flatMap(({ candidate, life, revive = false }) => [
              toBuffer(candidate),
              lifeArgument(life),
              revive ? 1 : 0
            ]),
            callback
          ),
        (epochs) => epochs
      ),
      (epochs) => epochs.flat()
    )

  const replaceEpochs = (groups: ReadonlyArray<ReadonlyArray<EpochRequest>>): Effect.Effect<unknown, RedisError> =>
    together(
      clock,
      groups,
      (group, callback) =>
        servers.at(group[0]!.key).run(
          Scripts.replaceEpochs,
          group.map(({ key }) => key),
          group.flatMap(({ epoch, expire }) => [toBuffer(epoch), expire ? 1 : 0]),
          callback
        ),
      () => undefined
    )

  return {
    prefix,
    unsafeNow: () => clock.now(),
    unsafeMonotonic: () => clock.local.now(),
    unsafeConnections: () => servers.connections(),
    unsafePlace: servers.placeOf,
    unsafeOnReconnect: (listener) => void listeners.push(listener),
    // One server is the whole store; of several each has its own.
    breaker: only === undefined ? undefined : new Breaker(Math.random, servers.figures?.circuit),
    get: (key, reply) =>
      Effect.async((resume) => servers.at(key).read(key, new Hot(key, reply, clock, atOnce, resume))),
    getMany: (keys, reply) =>
      keys.length === 0
        ? Effect.suspend(() => reply.onSuccess([], clock.now(), ""))
        : Effect.async((resume) => readMany(servers, keys, new Hot(keys[0]!, reply, clock, atOnce, resume))),
    set: (write, reply) =>
      Effect.async((resume) => servers.at(write.key).write(write, new Hot(write.key, reply, clock, atOnce, resume))),
    setMany: (writes, reply) =>
      writes.length === 0 ?
        Effect.suspend(() => reply.onSuccess(undefined, clock.now(), "")) :
        Effect.async((resume) => {
          const hot = new Hot(writes[0]!.key, reply, clock, atOnce, resume)
          const { arrived, fail } = gather(
            writes.length,
            (failure) => failure === undefined ? hot.answer(undefined) : hot.fail(failure)
          )
          const callback = { answer: arrived, fail }
          for (const write of writes) servers.at(write.key).write(write, callback)
        }),
    take: (keys) =>
      together(
        clock,
        keys,
        (key, callback) => servers.at(key).run(Removing.take, [key], [], callback),
        (reply: Buffer | null) => reply ?? undefined
      ),
    remove: (keys) =>
      together(
        clock,
        keys,
        (key, callback) => servers.at(key).run(Removing.remove, [key], [], callback),
        (reply: Buffer) => reply.length === 0 ? undefined : reply
      ),
    discard: (keys) =>
      Effect.async((resume) => {
        const groups = only === undefined ? keys.map((key) => [key]) : pages(keys, discarded)
        const failed: Array<string> = []
        let error: RedisError | undefined
        let open = groups.length
        const told = () => {
          if (--open <= 0) resume(Effect.succeed({ failed, error }))
        }
        if (open === 0) told()
        for (const group of groups) {
          servers.at(group[0]!).run(Removing.discard, group, [], {
            answer: told,
            fail: (why) => {
              for (const key of group) failed.push(key)
              error ??= why
              told()
            }
          })
        }
      }),
    lease: (requests, kind) =>
      together(
        clock,
        requests,
        ({ duration, force, key, life, seen, token, yields }, callback) =>
          servers.at(key).run(Scripts.lease, [key], [
            toBuffer(Entry.identity(seen, kind)),
            toBuffer(token),
            duration,
            life,
            force ? 1 : 0,
            yields ? 1 : 0,
            kind
          ], callback),
        toLeaseReply
      ),
    fill: (requests) =>
      together(
        clock,
        requests,
        ({ bytes, key, leaseLife, life, replaces, token }, callback) =>
          servers.at(key).run(Scripts.fill, [key], [
            toBuffer(token),
            bytes === undefined ? 1 : 0,
            bytes === undefined ? "" : toBuffer(bytes),
            lifeArgument(life),
            replaces === undefined ? "" : toBuffer(replaces.writeId),
            replaces === undefined ? "" : toBuffer(replaces.turn),
            leaseLife
          ], callback),
        isOne
      ),
    release: (requests) => Effect.asVoid(together(clock, requests, release, () => undefined)),
    renew: (requests) =>
      together(
        clock,
        requests,
        ({ duration, key, token }, callback) =>
          servers.at(key).run(Scripts.renew, [key], [toBuffer(token), duration], callback),
        isOne
      ),
    swap: ({ bytes, key, life, seen }, kind) =>
      Effect.map(
        script(Scripts.swap, key, [
          toBuffer(Entry.identity(seen, kind)),
          kind,
          bytes === undefined ? 1 : 0,
          bytes === undefined ? "" : toBuffer(bytes),
          lifeArgument(life)
        ]),
        ([done, found]) => ({ done: isOne(done), found: found ?? undefined })
      ),
    touch: ({ freshUntil, key, leaseLife, life, seen }, kind) => {
      const until = new Uint8Array(6)
      Entry.writeUint48(until, 0, freshUntil)
      return Effect.map(
        script(Scripts.touch, key, [
          toBuffer(Entry.identity(seen, kind)),
          kind,
          toBuffer(until),
          lifeArgument(life),
          leaseLife
        ]),
        isOne
      )
    },
    expire: (requests) =>
      together(
        clock,
        requests,
        ({ key, windows, writeId }, callback) =>
          servers.at(key).run(Scripts.expire, [key], [toBuffer(writeId), lifeArgument(windows)], callback),
        (reply: Buffer) => reply.length === 0 ? undefined : reply
      ),
    increment: ({ delta, key, life }) =>
      Effect.map(script(Scripts.increment, key, [delta, lifeArgument(life)]), Number),
    ensureEpochs: (requests) => {
      const last = requests[requests.length - 1]
      if (last?.last !== true) return ensureEpochs(requests.map((request) => [request]))
      return only !== undefined
        ? ensureEpochs([requests])
        // Of several servers the others must have answered.
        : Effect.zipWith(
          ensureEpochs(requests.slice(0, -1).map((request) => [request])),
          ensureEpochs([[last]]),
          (others, epochs) => [...others, ...epochs]
        )
    },
    replaceEpochs: ([first, ...rest]) =>
      Effect.asVoid(
        first === undefined
          ? Effect.void
          : only !== undefined
          ? replaceEpochs([[first, ...rest]])
          // Of several servers the first must have answered.
          : Effect.zipRight(replaceEpochs([[first]]), replaceEpochs(rest.map((request) => [request])))
      ),
    hold: (request) => Holds.hold(servers, request),
    endHold: (request) => Holds.endHold(servers, request),
    scan: (scanned) => Scan.listed(servers, scanned),
    clear: (cache) => cleared(servers, prefix, cache),
    heads: (keys, size) =>
      together(
        clock,
        keys,
        (key, callback) => servers.at(key).call("heads", "getrange", [key, 0, size - 1], isBytes, callback),
        // GETRANGE has no other way to say that there is nothing.
        (head: Buffer) => head.length === 0 ? undefined : head
      ),
    watch: (watcher) => Tracking.watch(servers, prefix, commandTimeout, feedLog, watcher),
    inspect: (key) =>
      Effect.zipWith(
        Effect.zip(
          command(key, "explain", "get", [key], isBytesOrNothing),
          command(key, "explain", "pttl", [key], isCount),
          { concurrent: true }
        ),
        // Some users may not ask for it.
        Effect.option(command(key, "explain", "memory", ["USAGE", key], isCountOrNothing)),
        ([bytes, left], memory) =>
          bytes === null ? undefined : {
            bytes,
            life: Number(left) < 0 ? undefined : Number(left),
            memory: Option.getOrUndefined(Option.map(memory, Number))
          },
        { concurrent: true }
      ),
    measure: (keys, headSize) => Survey.measured(servers, keys, headSize),
    servers: (probes) => Survey.answers(servers, probes)
  }
}
