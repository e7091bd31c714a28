/** `doctor`: what is wrong, and what to do. */
import { type CacheError, Redis } from "effect-redis-cache"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import { type Connection, layer, placeOf } from "../connection.js"
import { Ended, no } from "../exit.js"
import * as Print from "../print.js"
import { printable } from "../text/printable.js"
import type { Style } from "../text/style.js"
import { connecting } from "./command.js"

const looks: { readonly [Level in Fleet.Finding["level"]]: readonly [sign: string, style: keyof Style] } = {
  ok: ["✓", "good"],
  warn: ["!", "warn"],
  bad: ["✗", "bad"],
  unknown: ["?", "dim"]
}

const adviceOf = ({ reason }: CacheError.RedisError, given: Connection): string => {
  switch (reason) {
    case "Auth":
      return "Check user and password in the url; a user needs the rights of docs/operations/security.md"
    case "Timeout":
      return "Something listens there but does not answer: a firewall, a busy or suspended server, or TLS (rediss://)?"
    default:
      if (given.sentinel.length > 0) {
        return "Check whether the sentinels know a master with this name: " +
          `redis-cli -h <host> -p <port> sentinel get-master-addr-by-name ${given.master}`
      }
      return given.cluster
        ? "Check whether the nodes run and reach each other: redis-cli --cluster check <host>:<port>"
        : "Check whether Redis runs there, and whether this machine can reach it: redis-cli -u <url> ping"
  }
}

/** There is not even a connection. */
const unconnected = (error: CacheError.RedisError, given: Connection): ReadonlyArray<Fleet.Finding> => [{
  check: "connection",
  level: "bad",
  message: `no connection to ${placeOf(given)}: ${error.message}`,
  advice: Option.some(adviceOf(error, given))
}]

const look = (given: Connection) =>
  // Everything that would be logged is among the findings.
  Effect.scoped(
    Logger.withMinimumLogLevel(LogLevel.None)(Effect.gen(function*() {
      const connected = yield* Effect.either(Layer.build(layer(given)))
      if (Either.isRight(connected)) {
        return yield* Effect.provideService(Fleet.doctor, Redis.Redis, Context.get(connected.right, Redis.Redis))
      }
      if (connected.left instanceof Ended) return yield* connected.left
      return unconnected(connected.left, given)
    }))
  )

const show = ({ advice, check, level, message }: Fleet.Finding, style: Style): string => {
  const [sign, name] = looks[level]
  const line = `${style[name](sign)} ${style.bold(check.padEnd(12))} ${printable(message)}`
  return Option.match(advice, {
    onNone: () => line,
    onSome: (text) => `${line}\n  ${" ".repeat(12)} ${style.dim(`→ ${printable(text)}`)}`
  })
}

export const doctor = connecting(
  "doctor",
  {
    summary: "Checks the server behind the url, as this user sees it, and says what to do: version, replication, " +
      "cluster, eviction, memory, rights, tracking, latency, clock.",
    more: "Exits with 1 if something is bad. It tries each right of the user, on a key that it removes at the end.",
    examples: [["doctor --url redis://app:secret@redis:6379 --prefix app:", "as the service connects"]]
  },
  {},
  (given) =>
    Effect.gen(function*() {
      const findings = yield* look(given)
      if (given.json) {
        yield* Print.json(findings.map((each) => ({ ...each, advice: Option.getOrNull(each.advice) })), 2)
      } else {
        yield* Print.text(({ style }) => findings.map((each) => show(each, style)).join("\n"))
      }
      const wrong = findings.filter(({ level }) => level === "bad")
      if (wrong.length > 0) return yield* no(`${wrong.length} problem${wrong.length === 1 ? "" : "s"}`)
    })
)
