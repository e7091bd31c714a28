/** Commands that change something: they ask for confirmation, or take `--yes`. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Prompt from "@effect/cli/Prompt"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Connection, placeOf } from "../connection.js"
import { no, usage } from "../exit.js"
import { cache, keyArgs, keyOptions, storedKey } from "../key.js"
import * as Print from "../print.js"
import { printable } from "../text/printable.js"
import { Screen } from "../text/style.js"
import * as Units from "../text/units.js"
import { onRedis } from "./command.js"

const yes = Options.boolean("yes").pipe(Options.withAlias("y"), Options.withDescription("Do it without confirmation"))

/** What is about to happen, and on which server: a wrong server is the usual mistake. */
const confirmed = (given: Connection & { readonly yes: boolean }, what: string) =>
  Effect.gen(function*() {
    if (given.yes) return
    const where = `${placeOf(given)}${given.prefix === "" ? "" : `, prefix ${given.prefix}`}`
    const { isTerminal } = yield* Screen
    if (!isTerminal || given.json) return yield* usage(`${what} on ${where}? No terminal to confirm on: add --yes`)
    const sure = yield* Prompt.run(Prompt.confirm({ message: printable(`${what} on ${where}?`) })).pipe(
      Effect.catchAll(() => Effect.succeed(false))
    )
    if (!sure) return yield* no("Nothing was done")
  })

const told = (json: boolean, result: object, message: string) =>
  json ? Print.json(result) : Print.text(() => printable(message))

export const del = onRedis(
  "delete",
  {
    summary: "Deletes a key. Loads of it that are running, in any process, will not store their values.",
    more: "Exits with 1 if there was no fresh value.",
    examples: [["delete users 42", "asks first"], ["delete getUser --args '[42]' --yes", "for a script"]]
  },
  { ...keyOptions, yes, ...keyArgs },
  (given) =>
    Effect.gen(function*() {
      const key = yield* storedKey(given)
      yield* confirmed(given, `Delete ${given.cache}:${key}`)
      const deleted = yield* Fleet.delete(given.cache, key)
      yield* told(given.json, { deleted }, deleted ? "Deleted" : "There was no fresh value")
      if (!deleted) return yield* no("")
    })
)

const expiredTags = Options.text("tag").pipe(
  Options.withDescription("All entries with this tag, instead of one key. May be given several times"),
  Options.repeated
)

export const expire = onRedis(
  "expire",
  {
    summary: "Makes a value stale as of now: loads refresh it, and may serve it meanwhile inside its stale windows.",
    more: "The gentle way to reload everything. Exits with 1 if there was no fresh value.",
    examples: [["expire users 42", "asks first"], ["expire users --tag team:7 --yes", "all entries with the tag"]]
  },
  { ...keyOptions, tag: expiredTags, yes, ...keyArgs },
  (given) =>
    Effect.gen(function*() {
      const { cache: name, json, tag } = given
      if (tag.length > 0) {
        if (Option.isSome(given.key)) return yield* usage("Give a key or --tag, not both")
        yield* confirmed(given, `Expire the entries with the tag ${tag.join(", ")} in the cache "${name}"`)
        yield* Fleet.expireTags(name, tag)
        return yield* told(json, { expired: tag }, "Stale from now on")
      }
      const key = yield* storedKey(given)
      yield* confirmed(given, `Expire ${name}:${key}`)
      const expired = yield* Fleet.expire(name, key)
      yield* told(json, { expired }, expired ? "Stale from now on" : "There was no fresh value")
      if (!expired) return yield* no("")
    })
)

export const flush = onRedis(
  "flush",
  {
    summary: "Removes all keys of a cache, with SCAN and UNLINK, without blocking the server.",
    more: "After it, every read of the cache misses. If the source cannot take that, use `expire`.",
    examples: [["flush users", "asks first"]]
  },
  { yes, cache },
  (given) =>
    Effect.gen(function*() {
      yield* confirmed(given, `Remove all keys of the cache "${given.cache}"`)
      const removed = yield* Fleet.flush(given.cache)
      yield* told(given.json, { removed }, `${Units.count(removed)} keys removed`)
    })
)

const tags = Args.text({ name: "tag" }).pipe(
  Args.withDescription("Tags whose entries are absent from now on"),
  Args.atLeast(1)
)

export const invalidate = onRedis(
  "invalidate",
  {
    summary: "Invalidates tags: all entries of the cache with one of these tags are absent at once.",
    examples: [["invalidate users team:7 team:8", "asks first"]]
  },
  { yes, cache, tags },
  (given) =>
    Effect.gen(function*() {
      yield* confirmed(given, `Invalidate ${given.tags.join(", ")} of the cache "${given.cache}"`)
      yield* Fleet.invalidateTags(given.cache, given.tags)
      yield* told(given.json, { invalidated: given.tags }, "Invalidated")
    })
)
