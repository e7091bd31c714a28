/** `watch`: changes as they happen. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Fleet from "effect-redis-cache/Fleet"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Print from "../print.js"
import { printable } from "../text/printable.js"
import { Screen, type Style } from "../text/style.js"
import { onRedis } from "./command.js"

const caches = Args.text({ name: "cache" }).pipe(
  Args.withDescription("Only these caches; all by default"),
  Args.repeated
)

const limit = Options.integer("limit").pipe(Options.withDescription("End after this many changes"), Options.optional)

const tell = (change: Fleet.Change, { bad, bold, dim, good, warn }: Style): string => {
  switch (change._tag) {
    case "Changed":
      return `${bold(printable(change.cache))} ${printable(change.text)}`
    case "TagChanged":
      return `${bold(printable(change.cache))} ${dim("tag")} ${printable(change.tag)}`
    case "Flushed":
      return warn("the whole server was emptied")
    case "Lost":
      return bad("the link is lost: changes are not reported until it is back")
    case "Resumed":
      return good("listening: every change is reported from now on")
  }
}

export const watch = onRedis(
  "watch",
  {
    summary:
      "Prints every key that changes, whichever program changes it. It uses the feed that keeps near copies coherent.",
    more:
      "A line says that a key may have changed: it was written, deleted, evicted, has expired, or is being loaded. " +
      "It needs the same rights as near copies.",
    examples: [["watch", "all caches"], ["watch users sessions --json", "one JSON object for each change"]]
  },
  { limit, caches },
  (given) =>
    Effect.gen(function*() {
      const { style } = yield* Screen
      const all = Fleet.changes(given.caches)
      const isChange = ({ _tag }: Fleet.Change): boolean => _tag === "Changed" || _tag === "TagChanged"
      let left = Option.getOrElse(given.limit, () => Infinity)
      const some = Stream.takeUntil(all, (change) => isChange(change) && --left <= 0)
      yield* Stream.runForEach(some, (change) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const time = new Date(now).toISOString()
          return given.json
            ? Print.json({ time, ...change })
            : Console.log(`${style.dim(time.slice(11, 23))} ${tell(change, style)}`)
        }))
    })
)
