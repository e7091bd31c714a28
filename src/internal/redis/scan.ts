/** All keys that a pattern matches, on one server or on several between which keys may move. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Callback } from "./batch/sender.js"
import { connectionError, toRedisError } from "./errors.js"
import { isPage } from "./replies.js"
import type { Server, Servers } from "./servers.js"

/** How many keys one SCAN looks at. That takes Redis about half a millisecond. */
const pageSize = 250

/** How often all keys are listed at most, if they keep moving from server to server meanwhile. */
const maxListings = 5

/** `*`, `?`, `[`, `]` and `\` mean something in a pattern; here all are meant literally. */
export const escapeGlob = (text: string): string => text.replace(/[*?[\]\\]/g, "\\$&")

/** A page of keys, and where the next one begins, if there is one. */
export interface Page {
  readonly keys: ReadonlyArray<Buffer>
  readonly next: Place | undefined
}

/** A cursor, and how often the server had been connected to when it was given. */
export interface Place {
  readonly cursor: string
  readonly connections: number
}

export const start = (server: Server): Place => ({ cursor: "0", connections: server.connections() })

/** Where the next page begins, according to the server, if there is one. */
export const following = (server: Server, { connections }: Place, next: string | Buffer): Place | undefined => {
  // A new connection may lead to another server, where a cursor means nothing.
  if (server.connections() !== connections) return start(server)
  const cursor = next.toString()
  return cursor === "0" ? undefined : { cursor, connections }
}

export const askForPage = (server: Server, pattern: string, place: Place, callback: Callback<Page>): void =>
  server.sender.call("scan", "scan", [place.cursor, "MATCH", pattern, "COUNT", pageSize, "TYPE", "string"], isPage, {
    answer: ([next, keys]) => callback.answer({ keys, next: following(server, place, next) }),
    fail: callback.fail
  })

const listedBy = (server: Server, pattern: string): Stream.Stream<ReadonlyArray<string>, RedisError> =>
  Stream.paginateEffect(
    undefined as Place | undefined,
    (place) =>
      Effect.async((resume) =>
        askForPage(server, pattern, place ?? start(server), {
          answer: ({ keys, next }) =>
            resume(Exit.succeed([keys.map((key) => key.toString()), Option.fromNullable(next)])),
          fail: (error) => resume(Exit.fail(error))
        })
      )
  )

const survey = (servers: Servers) =>
  Effect.tryPromise({
    try: async () => ({ moves: await servers.look(), moving: await servers.isMoving() }),
    catch: (error) => toRedisError("scan", error)
  })

/**
 * Keys that moved meanwhile from a server that was not visited yet to one that was are found by visiting all once more.
 * A key moves before its slot changes its owner, and only once until then. So if keys move, a visit counts together
 * with the one before it, if no slot changed its owner meanwhile.
 */
export const throughout = <A>(
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
            : Stream.fail(
              connectionError(
                "scan",
                "slots kept moving between servers while keys were listed: try again when the cluster is stable"
              )
            )
        })))
      ))
  )

/** All keys that start with this, in pages. */
export const listed = (servers: Servers, prefix: string): Stream.Stream<ReadonlyArray<string>, RedisError> =>
  throughout(servers, (server) => listedBy(server, `${escapeGlob(prefix)}*`))
