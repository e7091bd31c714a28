/** The figures of the last full run as the documentation shows them. */
import { readFileSync, writeFileSync } from "node:fs"
import { ours, reference } from "../contestants.js"
import { bestPeer } from "./bestPeer.js"
import { ratio } from "./rounds.js"

const root = new URL("../../", import.meta.url)

const start = "<!-- speed: the figures of the last full run -->"
const end = "<!-- speed: end -->"

const shown = (value) => value.toFixed(value < 10 ? 2 : 0)

const rates = (results) =>
  results.filter(({ contestants }) => contestants?.[ours] !== undefined).map((result) => {
    const { against, contestants, id, reference: other, title } = result
    const best = bestPeer(result)
    const peer = best === undefined
      ? ""
      : `${shown(ratio(contestants[ours].samples, contestants[best].samples).median)} of ${best}`
    const [held, beside] = against === undefined
      ? [contestants[ours].ratio, other]
      : [contestants[ours].against, against]
    return `| ${id} | ${title} | ${shown(held.median)}${beside === reference ? "" : ` of ${beside}`} | ${peer} |`
  })

const tables = (results) =>
  results.filter(({ kind }) => kind === "table").map(({ columns, id, rows, title }) =>
    [
      `**${id}**: ${title}`,
      "",
      `| | ${Object.values(columns).join(" | ")} |`,
      `| --- |${Object.keys(columns).map(() => " ---: |").join("")}`,
      ...rows.map((row) =>
        `| ${row.name} | ${
          Object.keys(columns).map((key) => typeof row[key] === "number" ? shown(row[key]) : row[key] ?? "").join(" | ")
        } |`
      )
    ].join("\n")
  )

/** All figures, in Markdown. */
export const figures = ({ date, machine, results, settings }) =>
  [
    `Run on ${date.slice(0, 10)}: Node ${machine.node.slice(1)}, Redis ${machine.redis}, ${machine.cores} cores, ` +
    `${machine.cpu}; ${settings.rounds} interleaved rounds.`,
    "More is faster. The last column compares with the fastest cache of the same run. In W2 each get through Effect is a",
    "fiber of its own, which costs more than the get: it is held against the same program over raw ioredis.",
    "",
    `| | workload | of ${reference} | of the fastest peer |`,
    "| --- | --- | ---: | ---: |",
    ...rates(results),
    "",
    tables(results).join("\n\n")
  ].join("\n")

/** A page with the figures between its marks. */
export const withFigures = (page, document) => {
  const [before, rest] = page.split(start)
  if (rest === undefined) throw new Error(`the page has no line ${start}`)
  const after = rest.slice(rest.indexOf(end))
  return `${before}${start}\n${figures(document)}\n${after}`
}

export const page = new URL("docs/reference/speed.md", root)

export const latest = new URL("bench/results/latest.json", root)

/** Writes them into the documentation. */
export const publish = (document) => writeFileSync(page, withFigures(readFileSync(page, "utf8"), document))
