/** The driver on a real Redis, through ioredis. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RedisError } from "../../../CacheError.js"
import type { Driver, LeaseReply, Reply } from "../../../Driver.js"
import * as Entry from "../../entry/format.js"
import { type Argument, type Asker, maxReads, toBuffer } from "./batch.js"
import * as Feed from "./feed.js"
import * as Listing from "./listing.js"
import { isWrongType } from "./redisErrors.js"
import * as Scripts from "./scripts.js"
import type { Servers } from "./servers.js"

const lifeArgument = (life: number | undefined): Argument => life ?? ""

export interface Options {
  readonly prefix: string
  /** In ms. */
  readonly commandTimeout: number
}

type ReleaseRequest = Parameters<Driver["release"]>[0][number]

/** What the script answers with; the server's time comes first. */
const leaseReply = (reply: unknown): LeaseReply => {
  const [, tag, detail, holder] = reply as [time: number, tag: Buffer, detail: unknown, holder: Buffer]
  switch (String(tag)) {
    case "Granted":
      return { _tag: "Granted", writeId: detail as Buffer } // what is said with a grant
    case "Held":
      return { _tag: "Held", millis: Number(detail), holder }
    default:
      return { _tag: "Found" }
  }
}

/** So many leases that could not be released are remembered. */
const maxUnreleased = 1000

/** Who asks for a hot operation: hands its answer to the reply, and what that makes of it to the fiber. */
class Hot<Answer, A, E, R> implements Asker<Answer> {
  constructor(
    private readonly key: string,
    private readonly reply: Reply<Answer, A, E, R>,
    private readonly servers: Servers,
    private readonly resume: (effect: Effect.Effect<A, E, R>) => void
  ) {}

  answer(answer: Answer): void {
    let effect: Effect.Effect<A, E, R>
    try {
      effect = this.reply.onSuccess(answer, this.servers.now(), this.key)
    } catch (defect) {
      // A defect of who asked, not of those whose answers came with it.
      effect = Effect.die(defect)
    }
    this.resume(effect)
  }

  fail(error: RedisError): void {
    let effect: Effect.Effect<A, E, R>
    try {
      effect = this.reply.onFailure(error, this.key)
    } catch (defect) {
      effect = Effect.die(defect)
    }
    this.resume(effect)
  }
}

export const make = (servers: Servers, { commandTimeout, prefix }: Options): Driver => {
  const { only } = servers

  const command = (key: string, operation: string, name: string, args: ReadonlyArray<Argument>) =>
    Effect.async<unknown, RedisError>((resume) => {
      servers.at(key).call(operation, name, args, {
        answer: (reply) => resume(Exit.succeed(reply)),
        fail: (error) => resume(Exit.fail(error))
      })
    })

  const script = (run: Scripts.Script, key: string, args: ReadonlyArray<Argument>) =>
    Effect.async<unknown, RedisError>((resume) => {
      servers.at(key).run(run, [key], args, {
        answer: (reply) => resume(Exit.succeed(reply)),
        fail: (error) => resume(Exit.fail(error))
      })
    })

  /** What many are told, as one: `done` hears of the first failure, or of none, when all were told. */
  const gather = (count: number, done: (failure: RedisError | undefined) => void) => {
    let open = count
    let failure: RedisError | undefined
    const arrived = (): void => {
      if (--open === 0) done(failure)
    }
    const fail = (error: RedisError): void => {
      failure ??= error
      arrived()
    }
    return { arrived, fail }
  }

  /** Asks for many things in one tick, so that they leave together; fails with the first failure. */
  const together = <In, Out>(
    inputs: ReadonlyArray<In>,
    ask: (input: In, asker: { answer: (reply: unknown) => void; fail: (error: RedisError) => void }) => void,
    read: (reply: unknown) => Out
  ): Effect.Effect<ReadonlyArray<Out>, RedisError> =>
    inputs.length === 0 ? Effect.succeed([]) : Effect.async((resume) => {
      const answers: Array<Out> = []
      const { arrived, fail } = gather(
        inputs.length,
        (failure) => resume(failure === undefined ? Exit.succeed(answers) : Exit.fail(failure))
      )
      for (const [i, input] of inputs.entries()) {
        ask(input, {
          answer: (reply) => {
            answers[i] = read(reply)
            arrived()
          },
          fail
        })
      }
    })

  const asNumber = (reply: unknown): number => Number(reply)

  /**
   * Releases that may not have arrived, by token. Whoever waits for such a lease would wait until it expires, so they
   * are sent once more when the link is back; one that did arrive does nothing the second time.
   */
  const unreleased = new Map<string, ReleaseRequest>()

  const release = (request: ReleaseRequest, asker: Asker<unknown>): void =>
    servers.at(request.key).run(Scripts.release, [request.key], [toBuffer(request.token), request.backOff ?? 0], {
      answer: asker.answer,
      fail: (error) => {
        const lost = error.reason === "Connection" || error.reason === "Timeout"
        if (lost && unreleased.size < maxUnreleased) unreleased.set(toBuffer(request.token).toString("latin1"), request)
        asker.fail(error)
      }
    })

  servers.onReconnect(() => {
    const again = [...unreleased.values()]
    unreleased.clear()
    for (const request of again) release(request, { answer: () => {}, fail: () => {} })
  })

  const replaceEpochs = (
    requests: ReadonlyArray<{ readonly key: string; readonly epoch: Uint8Array }>
  ): Effect.Effect<void, RedisError> =>
    Effect.asVoid(together(
      requests,
      ({ epoch, key }, asker) =>
        servers.at(key).call("invalidateTags", "set", [key, toBuffer(epoch), "XX", "KEEPTTL"], asker),
      () => undefined
    ))

  return {
    prefix,
    unsafeNow: () => servers.now(),
    unsafeMonotonic: () => performance.now(),
    unsafeConnections: () => servers.connections(),
    // One server is the whole store; of several each has its own.
    hasBreakers: only === undefined,
    get: (key, reply) => Effect.async((resume) => servers.at(key).read(key, new Hot(key, reply, servers, resume))),
    getMany: (keys, reply) => {
      if (keys.length === 0) return Effect.suspend(() => reply.onSuccess([], servers.now(), ""))
      const first = keys[0]!
      if (only !== undefined && keys.length <= maxReads) {
        return Effect.async((resume) => only.readMany(keys, new Hot(first, reply, servers, resume)))
      }
      return Effect.async((resume) => {
        const hot = new Hot(first, reply, servers, resume)
        if (only === undefined) {
          const found: Array<Buffer | undefined> = new Array(keys.length)
          const { arrived, fail } = gather(
            keys.length,
            (failure) => failure === undefined ? hot.answer(found) : hot.fail(failure)
          )
          for (let i = 0; i < keys.length; i++) {
            servers.at(keys[i]!).read(keys[i]!, {
              answer: (value) => {
                found[i] = value
                arrived()
              },
              fail
            })
          }
          return
        }
        const asked = pages(keys, maxReads)
        const found: Array<ReadonlyArray<Buffer | undefined>> = []
        const { arrived, fail } = gather(
          asked.length,
          (failure) => failure === undefined ? hot.answer(found.flat()) : hot.fail(failure)
        )
        for (const [i, page] of asked.entries()) {
          only.readMany(page, {
            answer: (values) => {
              found[i] = values
              arrived()
            },
            fail
          })
        }
      })
    },
    set: (write, reply) =>
      Effect.async((resume) => servers.at(write.key).write(write, new Hot(write.key, reply, servers, resume))),
    setMany: (writes, reply) =>
      writes.length === 0 ?
        Effect.suspend(() => reply.onSuccess(undefined, servers.now(), "")) :
        Effect.async((resume) => {
          const hot = new Hot(writes[0]!.key, reply, servers, resume)
          const { arrived, fail } = gather(
            writes.length,
            (failure) => failure === undefined ? hot.answer(undefined) : hot.fail(failure)
          )
          const asker = { answer: arrived, fail }
          for (const write of writes) servers.at(write.key).write(write, asker)
        }),
    take: (keys) =>
      together(
        keys,
        (key, asker) =>
          servers.at(key).call("take", "getdel", [key], {
            answer: asker.answer,
            // What is no string is no value; it goes all the same.
            fail: (error) =>
              isWrongType(error)
                ? servers.at(key).call("take", "unlink", [key], { answer: () => asker.answer(null), fail: asker.fail })
                : asker.fail(error)
          }),
        (reply) => (reply as Buffer | null) ?? undefined // what GETDEL answers with
      ),
    lease: (requests, kind) =>
      together(
        requests,
        ({ duration, force, key, life, seen, token, yields }, asker) =>
          servers.at(key).run(Scripts.lease, [key], [
            toBuffer(Entry.identity(seen, kind)),
            toBuffer(token),
            duration,
            life,
            force ? 1 : 0,
            yields ? 1 : 0,
            kind
          ], asker),
        leaseReply
      ),
    fill: (requests) =>
      together(
        requests,
        ({ bytes, key, leaseLife, life, replaces, token }, asker) =>
          servers.at(key).run(Scripts.fill, [key], [
            toBuffer(token),
            bytes === undefined ? 1 : 0,
            bytes === undefined ? "" : toBuffer(bytes),
            lifeArgument(life),
            replaces === undefined ? "" : toBuffer(replaces),
            leaseLife
          ], asker),
        (reply) => asNumber(reply) === 1
      ),
    release: (requests) => Effect.asVoid(together(requests, release, asNumber)),
    renew: (requests) =>
      together(
        requests,
        ({ duration, key, token }, asker) =>
          servers.at(key).run(Scripts.renew, [key], [toBuffer(token), duration], asker),
        (reply) => asNumber(reply) === 1
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
        (reply) => {
          const [done, found] = reply as [number, Buffer | null | undefined] // what the script answers with
          return { done: Number(done) === 1, found: found ?? undefined }
        }
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
        (reply) => asNumber(reply) === 1
      )
    },
    increment: ({ delta, key, life }) =>
      Effect.map(script(Scripts.increment, key, [delta, lifeArgument(life)]), asNumber),
    ensureEpochs: (requests) =>
      together(
        requests,
        ({ candidate, key, life }, asker) =>
          servers.at(key).run(Scripts.ensureEpoch, [key], [toBuffer(candidate), lifeArgument(life)], asker),
        (reply) => reply as Buffer // what the script answers with
      ),
    replaceEpochs: (requests) =>
      // One server does them in the order of sending; of several the first must have answered.
      only !== undefined
        ? replaceEpochs(requests)
        : Effect.zipRight(replaceEpochs(requests.slice(0, 1)), replaceEpochs(requests.slice(1))),
    scan: (scanned) => Listing.listed(servers, scanned),
    clear: (cleared) => Listing.cleared(servers, cleared),
    heads: (keys, size) =>
      together(
        keys,
        (key, asker) => servers.at(key).call("heads", "getrange", [key, 0, size - 1], asker),
        // GETRANGE has no other way to say that there is nothing.
        (reply) => (reply as Buffer).length === 0 ? undefined : reply as Buffer
      ),
    watch: (watcher) => Feed.watch(servers, prefix, commandTimeout, watcher),
    inspect: (key) =>
      Effect.zipWith(
        Effect.zip(command(key, "explain", "get", [key]), command(key, "explain", "pttl", [key]), { concurrent: true }),
        // Some users may not ask for it.
        Effect.option(command(key, "explain", "memory", ["USAGE", key])),
        ([bytes, left], memory) =>
          bytes === null ? undefined : {
            bytes: bytes as Buffer,
            life: asNumber(left) < 0 ? undefined : asNumber(left),
            memory: Option.getOrUndefined(Option.map(memory, asNumber))
          },
        { concurrent: true }
      )
  }
}

const pages = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> => {
  const found: Array<ReadonlyArray<A>> = []
  for (let at = 0; at < all.length; at += size) found.push(all.slice(at, at + size))
  return found
}
