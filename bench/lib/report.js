/** The measurements, as text for people. */
import { memoryReference, ours, reference } from "../contestants.js"
import { bestPeer } from "./bestPeer.js"

const amount = (value) =>
  value === undefined || value === null
    ? ""
    : typeof value === "string"
    ? value
    : value >= 1000
    ? Math.round(value).toLocaleString("en")
    : value.toFixed(value < 10 ? 2 : 1)

/** Columns as wide as necessary: names to the left, figures to the right. */
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

const peer = "the best peer"

/** The ratios that the library is built to reach: by workload, the contestant, and the factor. */
const targets = [
  ["W1", reference, 0.88],
  ["W1", peer, 0.97],
  ["W1 pinned", reference, 0.88],
  ["W1 pinned", peer, 0.97],
  ["W2 64", "ioredis in Effect", 1.5],
  ["W2 1024", "ioredis in Effect", 1.4],
  ["W2L", reference, 1.9],
  ["W2L", peer, 1],
  ["W3", reference, 1.7],
  ["W3", peer, 0.97],
  ["W4 get", reference, 0.8],
  ["W4 get", "node-redis", 1],
  ["W4 get", peer, 1],
  ["W4 set", reference, 1.8],
  ["W4 set", peer, 1],
  ["W5", reference, 0.88],
  ["W5", peer, 0.97],
  ["W5 pinned", reference, 0.88],
  ["W5 pinned", peer, 0.97],
  ["W5 64", reference, 2.1],
  ["W5 64", peer, 1],
  ["W11", peer, 1],
  ["W11 16", peer, 1],
  ["W12 get", peer, 1],
  ["W12 set", peer, 1],
  ["W6", memoryReference, 0.88],
  ["W6", "Effect 4 Cache", 1],
  ["W6", "Effect 3 Cache", 3],
  ["W6", "bentocache", 5]
]

/** How the library stands. Times are reported, never asserted. */
export const summary = (results, ratioOf) =>
  table(
    [ours, "compared with", "ratio", "target"],
    targets.flatMap(([id, other, target]) => {
      const result = results.find((each) => each.id === id)
      const found = result?.contestants
      const against = other === peer && found !== undefined ? bestPeer(result) : other
      if (found?.[ours] === undefined || found[against] === undefined) return []
      const reached = ratioOf(found[ours].samples, found[against].samples).median
      const named = other === peer ? `${other}: ${against}` : other
      return [[id, named, reached.toFixed(2), `${target}${reached >= target ? " ✓" : ""}`]]
    })
  )
