/** `explain` and `get`: one key. */
import * as Fleet from "effect-redis-cache/Fleet"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { no } from "../exit.js"
import { keyArgs, keyOptions, storedKey } from "../key.js"
import * as Print from "../print.js"
import { millis, orNull, toJson } from "../text/json.js"
import { printable } from "../text/printable.js"
import type { ScreenService } from "../text/style.js"
import * as Units from "../text/units.js"
import { onRedis } from "./command.js"
import { looks } from "./keys.js"

/** What to print for a value that its bytes do not reveal. */
const untold = (codecs: Fleet.Told["codecs"]): string => {
  switch (codecs.at(-1)) {
    case "encrypted":
      return "(encrypted: only a process with the key can read it)"
    case "json or structural":
      return "(a single digit: one number as JSON, another in the structural form)"
    default:
      return "(not in a form of this library's codecs)"
  }
}

const describe = (found: Fleet.Look, { columns, style }: ScreenService): string => {
  const look = style[looks[found.state] ?? "bold"]
  const holder = (token: string): string =>
    Option.match(Option.fromNullable(found.holders.find((each) => each.token === token)), {
      onNone: () => "a process that does not publish its figures",
      onSome: ({ process }) => process
    })
  const fields: ReadonlyArray<readonly [string, string]> = found.state === "Missing" ? [] : [
    ["fresh for", Units.orDash(found.timeToLive, Units.duration)],
    ["life left", Units.orDash(found.life, Units.duration)],
    [
      "size",
      Option.match(found.memory, {
        onNone: () => Units.bytes(found.size),
        onSome: (memory) => `${Units.bytes(found.size)}, ${Units.bytes(memory)} of memory`
      })
    ],
    ["version", Units.orDash(found.version, String)],
    ["load time", Units.orDash(found.loadTime, Units.duration)],
    ...Option.toArray(found.lease).map(({ remaining, token }): [string, string] => [
      "lease",
      `held by ${holder(token)} for ${Units.duration(remaining)} more, unless it is renewed`
    ]),
    ...found.holds.map(({ remaining, token }): [string, string] => [
      "hold",
      `of an update in ${holder(token)} for ${Units.duration(remaining)} more, unless it is renewed`
    ]),
    ...found.tags.map(({ held, holds, name }): [string, string] => [
      "tag",
      `${name}: ${
        holds ? "as when the entry was written" : held ? "held by an update" : "invalidated since the entry was written"
      }`
    ]),
    ...found.codecs.length === 0 ? [] : [["codec", found.codecs.join(" of ")] as const]
  ]
  return [
    `${style.bold(printable(found.redisKey))}  ${look(found.state)}: ${printable(found.reason)}`,
    ...fields.map(([name, text]) => `  ${style.dim(name.padEnd(10))}${printable(text)}`),
    ...found.codecs.length === 0 ? [] : [
      `  ${style.dim("value")}`,
      Option.match(found.value, {
        onNone: () => untold(found.codecs),
        onSome: (value) => Print.value(value, columns)
      }).replaceAll(/^/gm, "    ")
    ]
  ].join("\n")
}

export const explain = onRedis(
  "explain",
  {
    summary: "Describes a key, and why a read would hit or miss: state, lifetimes, lease, tags, codec, value.",
    more: "Exits with 1 if there is no such key.",
    examples: [
      ["explain users 42", "a cache with string keys"],
      ["explain getUser --args '[42]'", "a memoized function that was called with 42"]
    ]
  },
  { ...keyOptions, ...keyArgs },
  (given) =>
    Effect.gen(function*() {
      const found = yield* Fleet.explain(given.cache, yield* storedKey(given))
      if (given.json) {
        yield* Print.json({
          ...found,
          age: orNull(found.age, millis),
          timeToLive: orNull(found.timeToLive, millis),
          life: orNull(found.life, millis),
          memory: Option.getOrNull(found.memory),
          version: Option.getOrNull(found.version),
          loadTime: orNull(found.loadTime, millis),
          lease: orNull(found.lease, ({ remaining, token }) => ({ token, remaining: millis(remaining) })),
          holds: found.holds.map(({ remaining, token }) => ({ token, remaining: millis(remaining) })),
          value: orNull(found.value, toJson)
        }, 2)
      } else {
        yield* Print.text((screen) => describe(found, screen))
      }
      if (found.state === "Missing") {
        return yield* no(Option.isSome(given.key) ? `Is it a memoized function? Give its arguments: --args '[42]'` : "")
      }
    })
)

export const get = onRedis(
  "get",
  {
    summary: "Prints the fresh value of a key, and nothing else; exits with 1 if there is none.",
    more: "It prints what the bytes reveal without the cache's definition: for a schema, its encoded form.",
    examples: [["get users 42", "for people"], ["get users 42 --json | jq .name", "for a script"]]
  },
  { ...keyOptions, ...keyArgs },
  (given) =>
    Effect.gen(function*() {
      const found = yield* Fleet.get(given.cache, yield* storedKey(given))
      if (Option.isNone(found)) return yield* no("There is no fresh value; `explain` says why")
      const { codecs, value } = found.value
      if (Option.isNone(value)) return yield* no(untold(codecs))
      if (given.json) return yield* Print.json(toJson(value.value))
      yield* Print.text(({ columns }) => Print.value(value.value, columns))
    })
)
