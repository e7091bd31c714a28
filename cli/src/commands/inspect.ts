/** `inspect`: the page, until Ctrl-C. */
import * as Options from "@effect/cli/Options"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import * as Inspector from "effect-redis-cache/Inspector"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { hostname, networkInterfaces } from "node:os"
import { type Connection, placeOf } from "../connection.js"
import { type Ended, usage } from "../exit.js"
import * as Print from "../print.js"
import { printable } from "../text/printable.js"
import { onRedis } from "./command.js"

const host = Options.text("host").pipe(
  Options.withDescription("The address that it listens on. 0.0.0.0 is all of this machine's: others can then reach it"),
  Options.withDefault("127.0.0.1")
)

const port = Options.integer("port").pipe(
  Options.withDescription("The port that it listens on; by default a free one"),
  Options.withDefault(0)
)

const name = Options.text("name").pipe(
  Options.withDescription(
    "Another name by which browsers reach it, e.g. that of a proxy: caches.example.com. May be given several times"
  ),
  Options.repeated
)

const actions = Options.boolean("actions").pipe(
  Options.withDescription(
    "Let the page delete, expire, invalidate and flush, with a token: INSPECTOR_TOKEN, or a random one"
  )
)

const loopback = ["127.0.0.1", "localhost", "[::1]"]

const bracketed = (address: string): string => address.includes(":") ? `[${address.replace(/%.*$/, "")}]` : address

const addresses = (): ReadonlyArray<string> =>
  Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => bracketed(address)))

/**
 * The permitted values of the `Host` header. A foreign site whose name is made to resolve to this machine sends that
 * name, so it is refused; no such name is an address of this machine.
 */
const hostsOf = (
  { host, name: names }: { readonly host: string; readonly name: ReadonlyArray<string> },
  port: number
): ReadonlyArray<string> => {
  const isLoopback = loopback.includes(bracketed(host))
  const own = isLoopback
    ? loopback
    : host === "0.0.0.0" || host === "::"
    ? [...loopback, ...addresses(), hostname().toLowerCase()]
    : [bracketed(host)]
  // A browser omits port 80, the default of http; a proxy with https may pass on any name unchanged.
  return [
    ...own.flatMap((each) => port === 80 ? [each, `${each}:80`] : [`${each}:${port}`]),
    ...names.map((each) => each.toLowerCase())
  ]
}

const refusedBecause = ({ cause }: ServeError, { host, port }: { readonly host: string; readonly port: number }) => {
  switch ((cause as NodeJS.ErrnoException | undefined)?.code) { // the error of Node's server
    case "EADDRINUSE":
      return `port ${port} of ${host} is taken: give another --port, or none for one that is free`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: pass one that is to --host, or 0.0.0.0 for all of them`
    case "EACCES":
      return `port ${port} is not permitted for this user: give a --port above 1023`
    default:
      return `cannot listen on port ${port} of ${host}: ${String(cause)}`
  }
}

/** Listens on the given port, or a free one, and gives it. Answers in progress are cut off when it ends. */
const listening = (
  given: { readonly host: string; readonly port: number }
): Effect.Effect<readonly [HttpServer.HttpServer, port: number], Ended, Scope.Scope> =>
  Effect.gen(function*() {
    if (given.port < 0 || given.port > 65_535) return yield* usage(`--port is 0 to 65535, got ${given.port}`)
    const server = createServer()
    const served = yield* Effect.mapError(
      NodeHttpServer.make(() => server, { host: given.host, port: given.port }),
      (error) => usage(refusedBecause(error, given))
    )
    // An open page receives events in an answer that takes seconds to end by itself.
    yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
    const { address } = served
    return [served, address._tag === "TcpAddress" ? address.port : given.port] as const
  })

interface Token {
  readonly value: Redacted.Redacted
  /** The token was made here, so it has to be printed. */
  readonly isNew: boolean
}

const tokenOf: Effect.Effect<Token, Ended> = Effect.gen(function*() {
  const given = yield* Effect.orElseSucceed(Config.option(Config.redacted("INSPECTOR_TOKEN")), Option.none)
  if (Option.isNone(given)) return { value: Redacted.make(randomBytes(18).toString("base64url")), isNew: true }
  if (Redacted.value(given.value) === "") {
    return yield* usage("INSPECTOR_TOKEN is empty: put a token into it, or unset it for a random one")
  }
  return { value: given.value, isNew: false }
})

const titleOf = ({ prefix }: Connection): string => prefix.replace(/:$/, "") || "caches"

const tell = (
  given: Connection & { readonly host: string },
  url: string,
  token: Token | undefined
) => {
  const secret = token?.isNew === true ? Redacted.value(token.value) : undefined
  if (given.json) return Print.json({ url, ...(secret === undefined ? {} : { token: secret }) })
  return Effect.zipRight(
    Print.text(({ style }) =>
      [
        `${style.bold(url)} ${style.dim(`shows the caches of ${printable(placeOf(given))}`)}`,
        token === undefined
          ? style.dim("It only reads; with --actions it also deletes, expires, invalidates and flushes.")
          : secret === undefined
          ? "With the token in INSPECTOR_TOKEN it also changes what the caches hold."
          : `With this token it also changes what the caches hold: ${secret}`,
        style.dim("Ctrl-C ends it.")
      ].join("\n")
    ),
    loopback.includes(bracketed(given.host))
      ? Effect.void
      : Print.note(`The page has no login: anyone that can reach ${given.host} sees what the caches hold`)
  )
}

export const inspect = onRedis(
  "inspect",
  {
    summary: "Serves a page that shows what caches do: hit ratios, loads, keys and their values, tags, events.",
    more:
      "Only this machine can reach it, and it only reads, unless you say otherwise. Values are shown as far as their " +
      "bytes reveal them; mounted in a service (effect-redis-cache/Inspector), it decodes them by your schemas.",
    examples: [
      ["inspect", "prints the address to open, until Ctrl-C"],
      ["inspect --port 8080 --actions", "also prints the token that actions need"],
      ["inspect --host 0.0.0.0 --port 8080", "for other machines too, under this machine's addresses and name"]
    ]
  },
  { host, port, name, actions },
  (given) =>
    Effect.scoped(Effect.gen(function*() {
      const token = given.actions ? yield* tokenOf : undefined
      const [server, port] = yield* listening(given)
      const page = yield* Inspector.make({
        title: titleOf(given),
        hosts: hostsOf(given, port),
        ...(token === undefined ? {} : { actions: { token: token.value } })
      })
      yield* Effect.provideService(HttpServer.serveEffect(page), HttpServer.HttpServer, server)
      const shown = given.host === "0.0.0.0" || given.host === "::" ? hostname() : bracketed(given.host)
      yield* tell(given, `http://${shown}:${port}/`, token)
      return yield* Effect.never
    }))
)
