/** `keys`: the keys of a cache. */
import * as Options from "@effect/cli/Options"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { cache } from "../key.js"
import * as Print from "../print.js"
import { millis, orNull } from "../text/json.js"
import { type Cell, table } from "../text/table.js"
import * as Units from "../text/units.js"
import { onRedis } from "./command.js"

const contains = Options.text("contains").pipe(
  Options.withDescription("Only keys that contain this"),
  Options.withDefault("")
)

const startsWith = Options.text("starts-with").pipe(
  Options.withDescription("Only keys that start with this; Redis does the filtering"),
  Options.withDefault("")
)

const limit = Options.integer("limit").pipe(
  Options.withDescription("Stop after this many"),
  Options.withDefault(100)
)

export const looks: { readonly [State in Fleet.KeySummary["state"]]: Cell["style"] } = {
  Fresh: "good",
  Stale: "warn",
  Leased: "dim",
  Held: "dim",
  Missing: "dim",
  Invalidated: "warn",
  OtherVersion: "warn",
  Undecodable: "bad",
  Foreign: "bad",
  Failure: "bad"
}

const toJson = (found: Fleet.KeySummary) => ({
  key: found.text,
  stored: found.key,
  state: found.state,
  size: Option.getOrNull(found.size),
  memory: Option.getOrNull(found.memory),
  timeToLive: orNull(found.timeToLive, millis),
  life: millis(found.life),
  version: Option.getOrNull(found.version),
  tags: found.tags
})

const row = (found: Fleet.KeySummary): ReadonlyArray<Cell | string> => [
  { text: found.text, style: "bold" },
  { text: found.state, style: looks[found.state] },
  Units.orDash(found.size, Units.bytes),
  Units.orDash(found.timeToLive, Units.duration),
  Units.duration(found.life),
  found.tags.map(({ holds, name }) => holds ? name : `${name}✗`).join(" ")
]

const columns = [
  { title: "KEY" },
  { title: "STATE" },
  { title: "SIZE", right: true },
  { title: "FRESH FOR", right: true },
  { title: "LIFE LEFT", right: true },
  { title: "TAGS" }
]

export const keys = onRedis(
  "keys",
  {
    summary:
      "Lists the keys of a cache as SCAN returns them: in no order, and including every key that exists throughout.",
    more: "A tag with a ✗ was invalidated since the entry was written, so the entry is absent.",
    examples: [
      ["keys users", "the first hundred"],
      ["keys users --starts-with team: --limit 10000 --json", "one JSON object per line, for each key"]
    ]
  },
  { contains, startsWith, limit, cache },
  ({ cache: name, contains: part, json, limit: most, startsWith: start }) =>
    Effect.gen(function*() {
      const unique = new Set<string>()
      const found = Fleet.keys(name, { contains: part, startsWith: start }).pipe(
        Stream.flattenIterables,
        // SCAN may return a key twice.
        Stream.filter(({ key }) => !unique.has(key) && unique.add(key) !== undefined),
        Stream.take(most)
      )
      if (json) return yield* Stream.runForEach(found, (each) => Print.json(toJson(each)))
      const rows = [...(yield* Stream.runCollect(found))]
      if (rows.length === 0) return yield* Print.note(`No keys of "${name}"`)
      yield* Print.text(({ style }) => table(columns, rows.map(row), style))
      if (rows.length === most) yield* Print.note(`The first ${Units.count(most)}; --limit shows more`)
    })
)
