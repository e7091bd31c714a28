/** `top`: the figures of the fleet as they change. */
import * as Options from "@effect/cli/Options"
import type { CacheError } from "effect-redis-cache"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { usage } from "../exit.js"
import * as Print from "../print.js"
import { millis, orNull } from "../text/json.js"
import { printable } from "../text/printable.js"
import { Screen, type Style } from "../text/style.js"
import { type Cell, table } from "../text/table.js"
import * as Units from "../text/units.js"
import { onRedis } from "./command.js"

const every = Options.text("every").pipe(
  Options.withDescription("How often to read, e.g. \"1 second\""),
  Options.withDefault("2 seconds")
)

const forTime = Options.text("for").pipe(
  Options.withDescription("End after this, e.g. \"10 seconds\". Otherwise it ends with Ctrl-C"),
  Options.optional
)

const duration = (option: string, text: string) =>
  Option.match(Duration.decodeUnknown(text), {
    onNone: () => Effect.fail(usage(`${option} takes a duration such as "2 seconds", got ${text}`)),
    onSome: Effect.succeed
  })

/** Rates are computed over this many ms, or over two reports of the process that reports least often. */
const leastWindow = 4_000

/** Readings, back to the one that is as old as the window. */
class History {
  private readings: ReadonlyArray<Fleet.FleetStats> = []

  add(reading: Fleet.FleetStats): void {
    const slowest = Math.max(0, ...reading.processes.map((each) => Duration.toMillis(each.every)))
    // A little less: a reading comes some ms late.
    const from = reading.at - 0.9 * Math.max(leastWindow, 2.5 * slowest)
    const first = this.readings.findLastIndex(({ at }) => at <= from)
    this.readings = [...this.readings.slice(Math.max(0, first)), reading]
  }

  get rates(): ReadonlyMap<string, Fleet.Rates> {
    return Fleet.rates(this.readings)
  }

  /** The period of the rates, in ms. */
  get window(): number {
    return (this.readings.at(-1)?.at ?? 0) - (this.readings[0]?.at ?? 0)
  }
}

/** First the caches whose callers or sources suffer, then the busiest. */
const worstFirst = (
  [, { perSecond: a }]: readonly [string, Fleet.Rates],
  [, { perSecond: b }]: readonly [string, Fleet.Rates]
): number => b.failures - a.failures || b.hits + b.misses - (a.hits + a.misses)

const columns = [
  { title: "CACHE" },
  { title: "READS/s", right: true },
  { title: "HITS", right: true },
  { title: "NEAR/s", right: true },
  { title: "LOADS/s", right: true },
  { title: "JOINED/s", right: true },
  { title: "p50", right: true },
  { title: "p99", right: true },
  { title: "STALE/s", right: true },
  { title: "FAILED/s", right: true },
  { title: "BYPASSED/s", right: true }
]

const alarming = (perSecond: number, style: keyof Style): Cell => ({
  text: Units.rate(perSecond),
  style: perSecond > 0 ? style : undefined
})

const row = (
  [name, { hitRatio, loadTime, perSecond }]: readonly [string, Fleet.Rates]
): ReadonlyArray<Cell | string> => [
  { text: name, style: "bold" },
  Units.rate(perSecond.hits + perSecond.misses),
  {
    text: Units.orDash(hitRatio, Units.percent),
    style: Option.exists(hitRatio, (part) => part > 0.8) ? "good" : "warn"
  },
  Units.rate(perSecond.nearHits),
  Units.rate(perSecond.loads),
  Units.rate(perSecond.coalesced),
  Units.orDash(loadTime, ({ p50 }) => Units.duration(p50)),
  Units.orDash(loadTime, ({ p99 }) => Units.duration(p99)),
  alarming(perSecond.staleServed, "warn"),
  alarming(perSecond.failures, "bad"),
  alarming(perSecond.bypassed, "warn")
]

const clockTime = (time: number): string => new Date(time).toISOString().slice(11, 19)

const heading = ({ at, processes }: Fleet.FleetStats, window: number, { bold, dim }: Style): string => {
  const names = processes.map(({ name }) => printable(name)).sort()
  const loading = processes.reduce((sum, process) => sum + process.loading, 0)
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "")
  return `${bold(`${names.length} process${names.length === 1 ? "" : "es"}`)}${names.length > 0 ? `: ${shown}` : ""}` +
    `, ${loading} key${loading === 1 ? "" : "s"} being loaded` +
    `  ${dim(`${clockTime(at)} UTC${window > 0 ? `, rates over ${Math.round(window / 1_000)} s` : ""}`)}`
}

const none = "No process publishes its figures. Give their RedisLayer `publish: true`, and use the same --prefix."

const show = (
  reading: Either.Either<Fleet.FleetStats, CacheError.RedisError>,
  history: History,
  last: Fleet.FleetStats | undefined,
  style: Style
): string => {
  if (Either.isLeft(reading)) {
    const since = last === undefined ? "" : `, the last ones are from ${clockTime(last.at)} UTC`
    return style.bad(`Redis does not answer (${printable(reading.left.message)}), so there are no figures${since}.`) +
      "\nProcesses continue by themselves: caches with onRedisError: \"bypass\" compute, others fail."
  }
  if (reading.right.processes.length === 0) return none
  const rates = [...history.rates].sort(worstFirst)
  return [
    heading(reading.right, history.window, style),
    rates.length === 0 ? style.dim("Waiting for a second report of a process …") : table(columns, rates.map(row), style)
  ].join("\n")
}

const toJson = ({ at, processes }: Fleet.FleetStats, history: History) => ({
  at,
  ratesOver: history.window,
  processes: processes.map(({ caches: _, every: often, ...process }) => ({ ...process, every: millis(often) })),
  caches: Object.fromEntries(
    [...history.rates].map(([name, { hitRatio, loadTime, perSecond }]) => [name, {
      perSecond,
      hitRatio: Option.getOrNull(hitRatio),
      loadTime: orNull(loadTime, ({ mean, p50, p99 }) => ({ mean: millis(mean), p50: millis(p50), p99: millis(p99) }))
    }])
  )
})

/** To the top left, clearing everything below. */
const home = "\u001b[H\u001b[J"

const clear = "\u001b[2J"

export const top = onRedis(
  "top",
  {
    summary: "Shows the activity of all processes with `publish` in their RedisLayer, a line for each cache, " +
      "worst first.",
    more:
      "READS/s: reads that the cache answered. HITS: how many found a value. NEAR/s: without asking Redis. JOINED/s: " +
      "waited for a running load. p50, p99: of loads. STALE/s: got a stale value. BYPASSED/s: went on without Redis.",
    examples: [["top", "until Ctrl-C"], ["top --for \"10 seconds\" --json", "one JSON object every two seconds"]]
  },
  { every, for: forTime },
  (given) =>
    Effect.gen(function*() {
      const pause = yield* duration("--every", given.every)
      const until = Option.isNone(given.for)
        ? Infinity
        : (yield* Clock.currentTimeMillis) + Duration.toMillis(yield* duration("--for", given.for.value))
      const { isTerminal, style } = yield* Screen
      const replaces = isTerminal && !given.json
      const history = new History()
      let last: Fleet.FleetStats | undefined
      if (replaces) yield* Console.log(clear)
      const look = Effect.gen(function*() {
        const reading = yield* Effect.either(Fleet.stats)
        if (Either.isRight(reading)) {
          history.add(reading.right)
          last = reading.right
        }
        if (!given.json) {
          return yield* Console.log(
            `${replaces ? home : ""}${show(reading, history, last, style)}${replaces ? "" : "\n"}`
          )
        }
        yield* Print.json(Either.isRight(reading) ? toJson(reading.right, history) : { error: reading.left.message })
      })
      yield* Effect.repeat(
        Effect.zipRight(
          look,
          Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.succeed(now + Duration.toMillis(pause) >= until))
        ).pipe(
          Effect.tap((over) => over ? Effect.void : Effect.sleep(pause))
        ),
        { until: (over) => over }
      )
    })
)
