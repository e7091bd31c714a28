/** The comparison as an SVG that can be read on a light and on a dark page. */
import { bare, ours, reference } from "../contestants.js"

const shown = ["W1", "W2L", "W3", "W4 get", "W4 set", "W5", "W5 64", "W6"]
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

export const chart = (results, note) => {
  const panels = shown.flatMap((id) => results.filter((result) => result.id === id)).map(panel)
  const cellHeight = Math.max(...panels.map(({ height }) => height)) + 22
  const lines = Math.ceil(panels.length / columns)
  const [fullWidth, fullHeight] = [columns * width + between, lines * cellHeight + 44]
  const placed = panels.map(({ svg }, i) => {
    const x = (i % columns) * (width + between)
    const y = 30 + Math.floor(i / columns) * cellHeight
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
  .one { stroke: #7a828e; stroke-dasharray: 2 3 }
</style>
${text(0, 14, "Operations a second, as a ratio to raw ioredis, if nothing else is said (dotted: 1)", "")}
${placed.join("\n")}
${text(0, fullHeight - 6, note, "")}
</svg>
`
}
