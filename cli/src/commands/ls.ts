/** `ls`: which caches there are. */
import * as Options from "@effect/cli/Options"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Print from "../print.js"
import { millis } from "../text/json.js"
import { type Cell, table } from "../text/table.js"
import * as Units from "../text/units.js"
import { onRedis } from "./command.js"

const maxKeys = Options.integer("max-keys").pipe(
  Options.withDescription("Look at this many keys at most"),
  Options.withDefault(1_000_000)
)

const samples = Options.integer("samples").pipe(
  Options.withDescription("Read the size and lifetime of this many keys of each cache"),
  Options.withDefault(100)
)

const hitRatio = (counts: Fleet.Counts | undefined): Option.Option<number> =>
  counts === undefined || counts.hits + counts.misses === 0
    ? Option.none()
    : Option.some(counts.hits / (counts.hits + counts.misses))

const looks: { readonly [state: string]: Cell["style"] } = {
  Fresh: "good",
  Stale: "warn",
  Invalidated: "warn",
  Foreign: "bad"
}

/** `92 Fresh, 8 Stale`, in percent. */
const states = ({ keys, states: found }: Fleet.Sample): Cell => {
  const entries = Object.entries(found).sort(([, a], [, b]) => b - a)
  const parts = entries.map(([state, n]) => `${Math.round(100 * n / keys)} % ${state}`)
  return { text: parts.join(", "), style: looks[entries[0]?.[0] ?? ""] }
}

/** From the shortest to the longest. */
const lives = ({ lives: found }: Fleet.Sample): string => {
  const [first, last] = [found[0], found.at(-1)]
  if (first === undefined || last === undefined) return "–"
  const [from, to] = [Units.duration(first), Units.duration(last)]
  return from === to ? from : `${from} – ${to}`
}

/**
 * Without a prefix, all caches under `app:` look like one cache `app`, whose keys begin with the names of the real
 * ones. An application's own keys may look like that, too: so this is only a hint.
 */
const maybePrefix = (prefix: string, caches: ReadonlyArray<Fleet.CacheSummary>) =>
  Effect.gen(function*() {
    const [only] = caches
    if (prefix !== "" || only === undefined || caches.length > 1) return
    const [page] = yield* Stream.runCollect(Stream.take(Fleet.keys(only.name), 1))
    if (page === undefined || !page.every(({ key }) => /^[\w.-]*:/.test(key))) return
    yield* Print.note(
      `All keys of ${only.name} begin with another name. Is ${only.name}: a prefix? --prefix ${only.name}:`
    )
  })

export const ls = onRedis(
  "ls",
  {
    summary: "Lists the caches under the prefix: keys, memory, states, lifetimes, tags, hit ratio.",
    more: "It looks at every key with SCAN, up to --max-keys. Memory, states and lifetimes are of a sample. " +
      "The hit ratio is known if processes publish their figures (`publish` of the RedisLayer).",
    examples: [["ls", "all caches"], ["ls --prefix app: --json", "for a script"]]
  },
  { maxKeys, samples },
  ({ json, maxKeys: most, prefix, samples: each }) =>
    Effect.gen(function*() {
      const [{ caches, complete, foreign }, stats] = yield* Effect.zip(
        Fleet.caches({ maxKeys: most, samples: each }),
        Fleet.stats,
        { concurrent: true }
      )
      if (json) {
        return yield* Print.json({
          caches: caches.map(({ keys, memory, name, sample, tags }) => ({
            name,
            keys,
            memory: Option.getOrNull(memory),
            tags,
            hitRatio: Option.getOrNull(hitRatio(stats.caches.get(name))),
            sample: { ...sample, lives: sample.lives.map(millis) }
          })),
          foreign,
          complete
        })
      }
      if (caches.length === 0) {
        yield* Print.note("No caches here. Is it the right database, and the right --prefix?")
      } else {
        yield* Print.text(({ style }) =>
          table(
            [
              { title: "CACHE" },
              { title: "KEYS", right: true },
              { title: "MEMORY", right: true },
              { title: "LIFE LEFT" },
              { title: "TAGS", right: true },
              { title: "HIT RATIO", right: true },
              { title: "STATES" }
            ],
            caches.map(({ keys, memory, name, sample, tags }) => [
              { text: name, style: "bold" },
              Units.count(keys),
              Units.orDash(memory, Units.bytes),
              lives(sample),
              Units.count(tags),
              Units.orDash(hitRatio(stats.caches.get(name)), Units.percent),
              states(sample)
            ]),
            style
          )
        )
      }
      yield* maybePrefix(prefix, caches)
      if (foreign > 0) yield* Print.note(`${Units.count(foreign)} other keys under this prefix`)
      if (!complete) yield* Print.note(`Stopped after ${Units.count(most)} keys; raise --max-keys to look at more`)
    })
)
