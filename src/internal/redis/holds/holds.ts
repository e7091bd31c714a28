/** The holds of updates on a real Redis. */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../../CacheError.js"
import type { EndRequest, Holding, HoldRequest } from "../../driver/driver.js"
import { together } from "../answers.js"
import type { Callback } from "../batch/sender.js"
import type { Script } from "../lua.js"
import { type Count, isOkOrNothing } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { toBuffer } from "../resp/words.js"
import type { Servers } from "../servers.js"
import * as Scripts from "./scripts.js"

/** The most keys of one call of a script, if it may have any keys: with more, other commands would wait too long. */
const maxKeys = 64

type Ask = (callback: Callback<number>) => void

/** One script, called for all of these keys. */
const calls = (
  servers: Servers,
  script: Script<Count>,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<Argument>
): ReadonlyArray<Ask> => {
  const size = servers.only === undefined ? 1 : maxKeys
  const asks: Array<Ask> = []
  for (let at = 0; at < keys.length; at += size) {
    const some = keys.slice(at, at + size)
    asks.push(({ answer, fail }) =>
      servers.at(some[0]!).run(script, some, args, { answer: (count) => answer(Number(count)), fail })
    )
  }
  return asks
}

const replaceGeneration = (servers: Servers, { generation }: Holding): ReadonlyArray<Ask> =>
  generation === undefined ? [] : [({ answer, fail }) =>
    servers.at(generation.key).call(
      "invalidateTags",
      "set",
      [generation.key, toBuffer(generation.epoch), "XX", "KEEPTTL"],
      isOkOrNothing,
      { answer: () => answer(0), fail }
    )]

/** The sum of what all answer with, those of the tags after the generation has changed. */
const inOrder = (
  servers: Servers,
  before: ReadonlyArray<Ask>,
  tags: ReadonlyArray<Ask>
): Effect.Effect<number, RedisError> => {
  const send = (asks: ReadonlyArray<Ask>) =>
    Effect.map(
      together(servers.clock, asks, (ask, callback: Callback<number>) => ask(callback), (count) => count),
      (counts) => counts.reduce((sum, count) => sum + count, 0)
    )
  // One server does them in the order of sending; of several the first must have answered.
  return servers.only !== undefined || tags.length === 0
    ? send([...before, ...tags])
    : Effect.zipWith(send(before), send(tags), (a, b) => a + b)
}

export const hold = (servers: Servers, request: HoldRequest): Effect.Effect<void, RedisError> => {
  const { duration, keys, renews, tags, tagsOutlive, token } = request
  const args = (outlives: number) => [toBuffer(token), duration, outlives, renews ? 1 : 0]
  return Effect.asVoid(inOrder(
    servers,
    [...calls(servers, Scripts.hold, keys, args(0)), ...replaceGeneration(servers, request)],
    calls(servers, Scripts.hold, tags, args(tagsOutlive))
  ))
}

export const endHold = (servers: Servers, request: EndRequest): Effect.Effect<number, RedisError> => {
  const { cancels, keys, linger, tags, tagsOutlive, token, writes } = request
  const args = (outlives: number) => [toBuffer(token), linger, outlives, cancels ? 1 : 0]
  const written = [...writes].flatMap(([key, { bytes, life }]) =>
    calls(servers, Scripts.endHold, [key], [...args(0), toBuffer(bytes), life ?? ""])
  )
  const removed = writes.size === 0 ? keys : keys.filter((key) => !writes.has(key))
  return inOrder(
    servers,
    [...written, ...calls(servers, Scripts.endHold, removed, args(0)), ...replaceGeneration(servers, request)],
    calls(servers, Scripts.endHold, tags, args(tagsOutlive))
  )
}
