/** The comparison as an SVG that is readable on light and dark pages. */
import { bare, ours, reference } from "../contestants.js"
import { bestPeer } from "./bestPeer.js"
import { ratio } from "./rounds.js"

const shown = ["W1", "W2L", "W3", "W4 get", "W4 set", "W5", "W5 64", "W6", "W11", "W11 16", "W12 get", "W12 set"]

/** Smaller differences are noise. */
const noise = 0.05
const left = 150
const right = 56
const width = 400
const bar = 13
const gap = 3
const columns = 2
const between = 28

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const text = (x, y, content, attributes = "") => `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`

const title = (result) =>
  result.reference === reference
    ? `${result.id}: ${result.title}`
    : `${result.id}: ${result.title}, of ${result.reference}`

const panel = (result) => {
  const entries = Object.entries(result.contestants).filter(([name]) => !bare.includes(name))
  const most = Math.max(...entries.map(([, { ratio }]) => ratio.median))
  const scale = (width - left - right) / most
  const one = left + scale
  const rows = entries.map(([name, { ratio }], i) => {
    const y = 26 + i * (bar + gap)
    const kind = name === ours ? "ours" : name === result.reference ? "raw" : "peer"
    return [
      text(left - 8, y + bar - 3, name, `text-anchor="end" class="${kind === "ours" ? "strong" : "name"}"`),
      `<rect x="${left}" y="${y}" width="${
        Math.max(1, ratio.median * scale).toFixed(1)
      }" height="${bar}" rx="2" class="${kind}"/>`,
      text((left + ratio.median * scale + 5).toFixed(1), y + bar - 3, ratio.median.toFixed(2), "class=\"name\"")
    ].join("")
  })
  const height = 26 + entries.length * (bar + gap)
  return {
    height,
    svg: [
      text(0, 14, title(result), "class=\"strong\""),
      ...rows,
      `<line x1="${one.toFixed(1)}" x2="${one.toFixed(1)}" y1="22" y2="${height}" class="one"/>`
    ].join("\n")
  }
}

/**
 * The ratio to the fastest peer's rate, at a glance: this library is ahead on the right, behind on the left. The axis
 * is logarithmic.
 */
const glance = (results) => {
  const rows = results.flatMap((result) => {
    const best = bestPeer(result)
    if (best === undefined) return []
    return [{ result, best, times: ratio(result.contestants[ours].samples, result.contestants[best].samples).median }]
  })
  const [start, end] = [left + 200, 2 * width + between - 190]
  const middle = start + (end - start) / 3
  const most = Math.max(1.5, ...rows.map(({ times }) => times), ...rows.map(({ times }) => (1 / times) ** 2))
  const scale = (end - middle) / Math.log(most)
  const lines = rows.map(({ best, result, times }, i) => {
    const y = 26 + i * (bar + gap)
    const length = Math.log(times) * scale
    const kind = times >= 1 + noise ? "ahead" : times <= 1 - noise ? "behind" : "even"
    return [
      text(start - 8, y + bar - 3, `${result.id}: ${result.title}`, "text-anchor=\"end\" class=\"name\""),
      `<rect x="${(middle + Math.min(0, length)).toFixed(1)}" y="${y}" width="${
        Math.max(1, Math.abs(length)).toFixed(1)
      }" height="${bar}" rx="2" class="${kind}"/>`,
      text(
        (middle + Math.max(0, length) + 5).toFixed(1),
        y + bar - 3,
        `${times.toFixed(2)} of ${best}`,
        `class="${kind === "behind" ? "warn" : "name"}"`
      )
    ].join("")
  })
  const height = 26 + rows.length * (bar + gap)
  return {
    height,
    svg: [
      text(0, 14, "Ahead of the fastest peer in each workload, or behind it (dotted: as fast)", "class=\"strong\""),
      ...lines,
      `<line x1="${middle.toFixed(1)}" x2="${middle.toFixed(1)}" y1="22" y2="${height}" class="one"/>`
    ].join("\n")
  }
}

export const chart = (results, note) => {
  const charted = shown.flatMap((id) => results.filter((result) => result.id === id))
  const first = glance(charted)
  const panels = charted.map(panel)
  const cellHeight = Math.max(...panels.map(({ height }) => height)) + 22
  const lines = Math.ceil(panels.length / columns)
  const top = first.height + 30
  const [fullWidth, fullHeight] = [columns * width + between, top + lines * cellHeight + 44]
  const placed = panels.map(({ svg }, i) => {
    const x = (i % columns) * (width + between)
    const y = top + 30 + Math.floor(i / columns) * cellHeight
    return `<g transform="translate(${x} ${y})">\n${svg}\n</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 ${fullWidth + 24} ${fullHeight}" width="${
    fullWidth + 24
  }" height="${fullHeight}" role="img">
<title>Operations a second, as a ratio to raw ioredis</title>
<style>
  text { font: 11px system-ui, sans-serif; fill: #7a828e }
  .strong { font-weight: 600; fill: #3f86d9 }
  .ours { fill: #3f86d9 }
  .raw { fill: #7a828e }
  .peer { fill: #9aa4b2 }
  .ahead { fill: #2f9e6b }
  .behind { fill: #d9822b }
  .even { fill: #9aa4b2 }
  .warn { fill: #d9822b }
  .one { stroke: #7a828e; stroke-dasharray: 2 3 }
</style>
${first.svg}
${
    text(
      0,
      top + 14,
      "Operations a second, as a ratio to raw ioredis, if nothing else is said (dotted: 1)",
      "class=\"strong\""
    )
  }
${placed.join("\n")}
${text(0, fullHeight - 6, note, "")}
</svg>
`
}
