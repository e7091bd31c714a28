/** All keys with a prefix, on one server or on several between which keys may move: listing them, removing them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Callback, Sender } from "./batch/sender.js"
import { connectionError, toRedisError } from "./errors.js"
import { type Count, isCount, isPage } from "./replies.js"
import type { Server, Servers } from "./servers.js"

/** How many keys one SCAN looks at. That takes Redis about half a millisecond, and so does removing them. */
const pageSize = 250

/** All keys are listed so often at the most, where they keep moving from server to server meanwhile. */
const maxListings = 5

/** `*`, `?`, `[`, `]` and `\` mean something in a pattern; here all are meant literally. */
const escapeGlob = (text: string): string => text.replace(/[*?[\]\\]/g, "\\$&")

/** A page of keys, and where the next one begins, if there is one. */
interface Page {
  readonly keys: ReadonlyArray<Buffer>
  readonly next: Place | undefined
}

/** A cursor, and how often the server had been connected to when it was given. */
interface Place {
  readonly cursor: string
  readonly connections: number
}

const start = (server: Server): Place => ({ cursor: "0", connections: server.connections() })

const askForPage = (server: Server, prefix: string, { connections, cursor }: Place, callback: Callback<Page>): void =>
  server.sender.call(
    "scan",
    "scan",
    [cursor, "MATCH", `${escapeGlob(prefix)}*`, "COUNT", pageSize, "TYPE", "string"],
    isPage,
    {
      answer: ([next, keys]) => {
        // Behind a new connection there may be another server, on which a cursor means nothing.
        if (server.connections() !== connections) return callback.answer({ keys, next: start(server) })
        const following = next.toString()
        callback.answer({ keys, next: following === "0" ? undefined : { cursor: following, connections } })
      },
      fail: callback.fail
    }
  )

const listedBy = (server: Server, prefix: string): Stream.Stream<ReadonlyArray<string>, RedisError> =>
  Stream.paginateEffect(
    undefined as Place | undefined,
    (place) =>
      Effect.async((resume) =>
        askForPage(server, prefix, place ?? start(server), {
          answer: ({ keys, next }) =>
            resume(Exit.succeed([keys.map((key) => key.toString()), Option.fromNullable(next)])),
          fail: (error) => resume(Exit.fail(error))
        })
      )
  )

/**
 * Asks for the next page before it removes one, so that the server looks for more while the client writes which keys
 * are to go: by turns, each would wait for the other. A server answers in the order of asking, so no more than two pages
 * are ever being removed. Without a fiber for each: there is little to do for a page, and that often.
 */
const clearedBy = (servers: Servers, server: Server, prefix: string): Effect.Effect<number, RedisError> =>
  Effect.async((resume) => {
    let removed = 0
    let isOver = false
    // Something has still to be asked for, or to be answered.
    let open = 0
    const done = (): void => {
      if (--open === 0) resume(Exit.succeed(removed))
    }
    const fail = (error: RedisError): void => {
      isOver = true
      resume(Exit.fail(error))
    }
    const removal: Callback<Count> = {
      answer: (count) => {
        removed += Number(count)
        done()
      },
      fail
    }
    const unlink = (sender: Sender, keys: ReadonlyArray<Buffer>): void => {
      open++
      sender.call("clear", "unlink", keys, isCount, removal)
    }
    const remove = (keys: ReadonlyArray<Buffer>): void => {
      if (keys.length > 0 && servers.only !== undefined) unlink(servers.only, keys)
      // One command has keys of one slot only.
      else for (const key of keys) unlink(servers.at(key.toString()), [key])
      done()
    }
    const look = (place: Place): void => {
      open++
      askForPage(server, prefix, place, {
        answer: ({ keys, next }) => {
          if (isOver) return
          if (next !== undefined) look(next)
          // Once that question has left.
          process.nextTick(remove, keys)
        },
        fail
      })
    }
    look(start(server))
    return Effect.sync(() => {
      isOver = true
    })
  })

const survey = (servers: Servers) =>
  Effect.tryPromise({
    try: async () => ({ moves: await servers.look(), moving: await servers.isMoving() }),
    catch: (error) => toRedisError("scan", error)
  })

/**
 * What moved meanwhile from a server that was not visited yet to one that was is found by visiting all once more. A key
 * moves before its slot has another owner; until then it does so once. So where keys move, a visit counts together with
 * the one before it, if no slot had another owner meanwhile.
 */
const throughout = <A>(
  servers: Servers,
  visit: (server: Server) => Stream.Stream<A, RedisError>,
  listing = 1,
  sameSince?: number
): Stream.Stream<A, RedisError> =>
  Stream.unwrap(
    Effect.map(survey(servers), (before) =>
      Stream.flatMap(Stream.fromIterable(servers.masters()), visit).pipe(
        Stream.concat(Stream.unwrap(Effect.map(survey(servers), (after) => {
          const same = after.moves === before.moves
          if (same && (sameSince === before.moves || !(before.moving || after.moving))) return Stream.empty
          return listing < maxListings
            ? throughout(servers, visit, listing + 1, same ? before.moves : undefined)
            : Stream.fail(connectionError("scan", "keys kept moving from server to server while they were listed"))
        })))
      ))
  )

/** All keys that start with this, in pages. */
export const listed = (servers: Servers, prefix: string): Stream.Stream<ReadonlyArray<string>, RedisError> =>
  throughout(servers, (server) => listedBy(server, prefix))

/** Removes all keys that start with this; counts them. */
export const cleared = (servers: Servers, prefix: string): Effect.Effect<number, RedisError> =>
  Stream.runSum(throughout(servers, (server) => Stream.fromEffect(clearedBy(servers, server, prefix))))
