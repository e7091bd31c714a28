/** Inspection of servers: how large keys are, and the state of the servers. Nothing else of the driver needs it. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { RedisError } from "../../CacheError.js"
import type { Driver, Measure, ServerAnswer } from "../driver/driver.js"
import { gather, tell } from "./answers.js"
import type { Callback, Sender } from "./batch/sender.js"
import { nameOf } from "./cluster/look.js"
import { isWrongType } from "./errors.js"
import { isBytes, isCount, isCountOrNothing, isTime, type Shape } from "./replies.js"
import type { Argument } from "./resp/request.js"
import type { Server, Servers } from "./servers.js"

interface Parts {
  head: Uint8Array | undefined
  size: number | undefined
  life: number | undefined
  memory: number | undefined
}

const toMeasure = ({ head, ...rest }: Parts): Measure | undefined =>
  // GETRANGE has no other way to say that there is nothing.
  head === undefined || head.length === 0 ? undefined : { head, ...rest }

/** For commands that this user may lack the right to: they are needed only for inspection. */
const ifAllowed = <A>(callback: Callback<A | undefined>): Callback<A> => ({
  answer: callback.answer,
  fail: (error) =>
    error.reason === "Auth" || error.reason === "Command" ? callback.answer(undefined) : callback.fail(error)
})

/** A value that is not a string was put there after it was listed, and does not belong to this library. */
const ifString = <A>(callback: Callback<A | undefined>): Callback<A> => ({
  answer: callback.answer,
  fail: (error) => isWrongType(error) ? callback.answer(undefined) : callback.fail(error)
})

const measureOne = (servers: Servers, key: string, headSize: number, callback: Callback<Measure | undefined>): void => {
  const parts: Parts = { head: undefined, size: undefined, life: undefined, memory: undefined }
  const { arrived, fail } = gather(
    4,
    (failure) => failure === undefined ? callback.answer(toMeasure(parts)) : callback.fail(failure)
  )
  const into = <A>(take: (answer: A) => void): Callback<A> => ({
    answer: (answer) => {
      take(answer)
      arrived()
    },
    fail
  })
  const ask = <A>(name: string, args: ReadonlyArray<Argument>, gives: Shape<A>, told: Callback<A>): void =>
    servers.at(key).call("measure", name, args, gives, told)
  ask("getrange", [key, 0, headSize - 1], isBytes, ifString(into((head) => void (parts.head = head))))
  ask("pttl", [key], isCount, into((left) => void (parts.life = Number(left) < 0 ? undefined : Number(left))))
  ask(
    "strlen",
    [key],
    isCount,
    ifAllowed(into((size) => void (parts.size = size === undefined ? undefined : Number(size))))
  )
  ask(
    "memory",
    ["USAGE", key],
    isCountOrNothing,
    ifAllowed(into((bytes) => void (parts.memory = bytes === null || bytes === undefined ? undefined : Number(bytes))))
  )
}

export const measured = (
  servers: Servers,
  keys: ReadonlyArray<string>,
  headSize: number
): ReturnType<Driver["measure"]> =>
  keys.length === 0 ? Effect.succeed([]) : Effect.async((resume) => {
    const found: Array<Measure | undefined> = new Array(keys.length)
    const { arrived, fail } = gather(
      keys.length,
      (failure) => tell(servers.clock, failure === undefined ? Exit.succeed(found) : Exit.fail(failure), resume)
    )
    for (const [i, key] of keys.entries()) {
      measureOne(servers, key, headSize, {
        answer: (measure) => {
          found[i] = measure
          arrived()
        },
        fail
      })
    }
  })

const ask = <A>(
  sender: Sender,
  name: string,
  args: ReadonlyArray<Argument>,
  gives: Shape<A>
): Effect.Effect<A, RedisError> =>
  Effect.async((resume) =>
    sender.call("servers", name, args, gives, {
      answer: (answer) => resume(Exit.succeed(answer)),
      fail: (error) => resume(Exit.fail(error))
    })
  )

const text = (sender: Sender, name: string, args: ReadonlyArray<string>) =>
  Effect.either(Effect.map(ask(sender, name, args, isBytes), (bytes) => bytes.toString()))

const probe = (sender: Sender) =>
  Effect.suspend(() => {
    const sent = performance.now()
    return Effect.map(ask(sender, "time", [], isTime), ([seconds, micros]) => {
      const roundTrip = performance.now() - sent
      const time = Number(seconds) * 1_000 + Number(micros) / 1_000
      return { roundTrip, clockOffset: time - (Date.now() - roundTrip / 2) }
    })
  })

const answerOf = ({ address, sender }: Server, isCluster: boolean, probes: number): Effect.Effect<ServerAnswer> =>
  Effect.gen(function*() {
    // One after another: together they would share one round trip.
    const times = yield* Effect.either(Effect.replicateEffect(probe(sender), probes))
    return {
      address: address === undefined ? undefined : nameOf(address),
      info: yield* text(sender, "info", []),
      cluster: isCluster ? yield* text(sender, "cluster", ["INFO"]) : undefined,
      probes: Either.getOrElse(times, () => [])
    }
  })

const didNotAnswer = ({ info }: ServerAnswer): RedisError | undefined =>
  Either.isLeft(info) && (info.left.reason === "Connection" || info.left.reason === "Timeout") ? info.left : undefined

/** Fails if no server answers; otherwise reports, for each, whether it did not. */
export const answers = (servers: Servers, probes: number): ReturnType<Driver["servers"]> =>
  Effect.suspend(() =>
    Effect.forEach(servers.masters(), (server) => answerOf(server, servers.only === undefined, probes), {
      concurrency: "unbounded"
    })
  ).pipe(Effect.flatMap((all) => {
    const failures = all.map(didNotAnswer)
    const [first] = failures
    return first !== undefined && failures.every((failure) => failure !== undefined)
      ? Effect.fail(first)
      : Effect.succeed(all)
  }))
