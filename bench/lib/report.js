/** What was measured, as text for people. */
import { memoryReference, ours, reference } from "../contestants.js"

const amount = (value) =>
  value === undefined || value === null
    ? ""
    : value >= 1000
    ? Math.round(value).toLocaleString("en")
    : value.toFixed(value < 10 ? 2 : 1)

/** Columns as wide as they must be: names to the left, figures to the right. */
const table = (header, rows) => {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)))
  const line = (cells) =>
    `  ${cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("   ").trimEnd()}`
  return [line(header), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n")
}

const ratioText = (found) => found === undefined ? "" : found.median.toFixed(2)

const throughputTable = ({ against, contestants, reference, unit }) =>
  table(
    ["", unit, `of ${reference}`, "middle half", "CPU µs", ...(against === undefined ? [] : [`of ${against}`])],
    Object.entries(contestants).map(([name, found]) => [
      name,
      amount(found.median),
      ratioText(found.ratio),
      `${found.ratio.low.toFixed(2)}–${found.ratio.high.toFixed(2)}`,
      amount(found.cpu),
      ...(against === undefined ? [] : [ratioText(found.against)])
    ])
  )

const plainTable = ({ columns, rows }) =>
  table(
    ["", ...Object.values(columns)],
    rows.map((row) => [row.name, ...Object.keys(columns).map((key) => amount(row[key]))])
  )

export const describe = (result) =>
  `${result.id}: ${result.title}\n${result.kind === "throughput" ? throughputTable(result) : plainTable(result)}\n`

/** Ratios that the library is built to reach: by workload, to which contestant, and how much. */
const targets = [
  ["W1", reference, 0.85],
  ["W1 pinned", reference, 0.72],
  ["W2 64", "ioredis in Effect", 1.3],
  ["W2 64", "Effect 3 Persistence", 3],
  ["W2 1024", "ioredis in Effect", 1.3],
  ["W2 1024", "Effect 3 Persistence", 3],
  ["W2L", reference, 1.5],
  ["W2L", "bentocache", 2.5],
  ["W3", reference, 1.3],
  ["W4 get", reference, 0.9],
  ["W4 set", reference, 1.4],
  ["W5", reference, 0.85],
  ["W5 pinned", reference, 0.72],
  ["W5 64", reference, 1.4],
  ["W5 64", "bentocache", 2.5],
  ["W6", memoryReference, 0.8],
  ["W6", "Effect 4 Cache", 1],
  ["W6", "Effect 3 Cache", 3],
  ["W6", "bentocache", 5]
]

/** How the library stands. Times are told, never asserted. */
export const summary = (results, ratioOf) =>
  table(
    [ours, "compared with", "ratio", "target"],
    targets.flatMap(([id, other, target]) => {
      const found = results.find((result) => result.id === id)?.contestants
      if (found?.[ours] === undefined || found[other] === undefined) return []
      const reached = ratioOf(found[ours].samples, found[other].samples).median
      return [[id, other, reached.toFixed(2), `${target}${reached >= target ? " ✓" : ""}`]]
    })
  )
