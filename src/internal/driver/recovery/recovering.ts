/**
 * A driver whose store has missed some changes, according to `remembered.ts`: keys to be removed are absent to reads,
 * and are removed before any other operation on them. While nothing is remembered, an operation pays for one check.
 */
import * as Effect from "effect/Effect"
import type { RedisError } from "../../../CacheError.js"
import { decorate, type Hot } from "../decorate.js"
import type { Driver, Reply } from "../driver.js"
import type { Remembered } from "./remembered.js"

export const recovering = (
  driver: Driver,
  remembered: Remembered,
  discard: (keys: ReadonlyArray<string>) => Effect.Effect<void, RedisError>
): Driver => {
  const { clear, fill, get, getMany, swap } = driver

  /** An acknowledged write forgets its keys if they were remembered before it. */
  const writing =
    <Input>(keysOf: (input: Input) => ReadonlyArray<string>, send: Hot<Input, void>): Hot<Input, void> =>
    (input, reply) => {
      if (remembered.idle) return send(input, reply)
      return Effect.suspend(() => {
        const began = remembered.begin()
        return send(input, {
          onSuccess: (answer, now, key) => {
            remembered.wrote(keysOf(input), began)
            return reply.onSuccess(answer, now, key)
          },
          onFailure: (error, key) => reply.onFailure(error, key)
        })
      })
    }

  const removing = decorate(driver, {
    hot: (_, send) => send,
    cold: ({ keys, name }, send) => {
      // Releases of leases may come at any time, and a flush needs no removals before it.
      if (name === "release" || name === "discard" || name === "clear") return send
      return (...input) => {
        if (remembered.idle) return send(...input)
        return Effect.suspend(() => {
          const hidden = remembered.hidden(keys(input[0]))
          return hidden.length === 0 ? send(...input) : Effect.zipRight(discard(hidden), send(...input))
        })
      }
    },
    paged: (_, send) => send
  })

  return {
    ...removing,
    get: (key, reply) =>
      remembered.idle ? get(key, reply) : Effect.suspend(() => {
        // Also if it is made good until the answer comes: it was read before.
        const hidden = remembered.hides(key)
        return get(key, {
          onSuccess: (bytes, now, asked) =>
            reply.onSuccess(hidden || remembered.hides(key) ? undefined : bytes, now, asked),
          onFailure: (error, asked) => reply.onFailure(error, asked)
        })
      }),
    getMany: (keys, reply) =>
      remembered.idle ? getMany(keys, reply) : Effect.suspend(() => {
        const hidden = keys.map((key) => remembered.hides(key))
        return getMany(keys, hiding(hidden, keys, remembered, reply))
      }),
    set: writing((write) => [write.key], driver.set),
    setMany: writing((writes) => writes.map(({ key }) => key), driver.setMany),
    fill: (requests) =>
      remembered.idle ? fill(requests) : Effect.suspend(() => {
        const began = remembered.begin()
        return Effect.map(removing.fill(requests), (filled) => {
          remembered.wrote(requests.flatMap(({ key }, i) => filled[i] === true ? [key] : []), began)
          return filled
        })
      }),
    swap: (request, kind) =>
      remembered.idle ? swap(request, kind) : Effect.suspend(() => {
        const began = remembered.begin()
        return Effect.map(removing.swap(request, kind), (swapped) => {
          if (swapped.done) remembered.wrote([request.key], began)
          return swapped
        })
      }),
    clear: (cache) =>
      remembered.idle ? clear(cache) : Effect.suspend(() => {
        const began = remembered.begin()
        return Effect.map(clear(cache), (count) => {
          remembered.flushed(cache, began)
          return count
        })
      })
  }
}

const hiding = <A, E, R>(
  hidden: ReadonlyArray<boolean>,
  keys: ReadonlyArray<string>,
  remembered: Remembered,
  reply: Reply<ReadonlyArray<Uint8Array | undefined>, A, E, R>
): Reply<ReadonlyArray<Uint8Array | undefined>, A, E, R> => ({
  onSuccess: (found, now, first) =>
    reply.onSuccess(
      found.map((bytes, i) => hidden[i] === true || remembered.hides(keys[i]!) ? undefined : bytes),
      now,
      first
    ),
  onFailure: (error, first) => reply.onFailure(error, first)
})
