/**
 * The picture of the demo in the README: runs the demo, and draws its output for the service and for the fleet as a
 * terminal shows it. `npm run demo:picture`, on a machine that has nothing else to do.
 */
import { spawn } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))

const target = "docs/pictures/demo.svg"

/** Wraps them like a terminal with this many columns. */
const columns = 132

const size = { character: 7.2, line: 17, margin: 16 }

/** The styles of the demo's text, by the code of a terminal. */
const classes: Readonly<Record<string, string>> = { 1: "bold", 2: "dim", 31: "bad", 32: "good", 33: "warn" }

interface Piece {
  readonly text: string
  readonly style: string
}

/** A line of a terminal, in pieces of one style each. */
const piecesOf = (line: string): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  let style = ""

  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    const code = /^\u001b\[([\d;]*)m$/.exec(part)
    if (code !== null) style = classes[code[1]!] ?? ""
    else if (part !== "") pieces.push({ text: part, style })
  }
  return pieces
}

const wrapped = (pieces: ReadonlyArray<Piece>): ReadonlyArray<ReadonlyArray<Piece>> => {
  const lines: Array<Array<Piece>> = [[]]
  let used = 0
  for (const { style, text } of pieces) {
    for (let rest = text; rest !== "";) {
      if (used === columns) {
        lines.push([])
        used = 0
      }
      const some = rest.slice(0, columns - used)
      lines.at(-1)!.push({ text: some, style })
      used += some.length
      rest = rest.slice(some.length)
    }
  }
  return lines
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/**
 * The part of the output that the picture shows: the table of the service and what follows from it, and the fleet's
 * outage, with how it ends.
 */
export const telling = (output: string): ReadonlyArray<string> => {
  const lines = output.split("\n")
  const at = (what: RegExp, from = 0): number => {
    const found = lines.findIndex((line, i) => i >= from && what.test(line))
    if (found < 0) throw new Error(`the demo did not print ${what}: is there a redis-server?`)
    return found
  }
  const table = at(/requests +p50 +p99/)
  const fleet = at(/^A FLEET/)
  const goesOn = at(/\(Redis goes on\)/, fleet)
  const after = at(/^ +requests +p50 +p99 +failed/, goesOn)
  // The last of `top`'s tables, which a terminal replaces every two seconds.
  const last = lines.findLastIndex((line, i) => i < after && /process(es)?\S*: /.test(line))
  return [
    "$ npm run demo",
    "…",
    ...lines.slice(table, at(/The cache took p50/) + 1),
    "…",
    lines[fleet]!,
    "",
    ...lines.slice(at(/\(Redis stands still/, fleet), goesOn + 2),
    ...lines.slice(last, at(/then the cache was back/) + 1)
  ]
}

export const draw = (lines: ReadonlyArray<string>): string => {
  const shown = lines.flatMap((line) => wrapped(piecesOf(line.trimEnd())))
  const width = Math.ceil(columns * size.character + 2 * size.margin)
  const height = shown.length * size.line + 2 * size.margin
  const text = shown.flatMap((pieces, i) => {
    const count = pieces.reduce((sum, piece) => sum + piece.text.length, 0)
    if (count === 0) return []
    const spans = pieces.map(({ style, text }) =>
      style === "" ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`
    )
    const y = size.margin + i * size.line + 12
    const length = (count * size.character).toFixed(1)
    return [`  <text x="${size.margin}" y="${y}" textLength="${length}">${spans.join("")}</text>`]
  })
  const title =
    "What the demo prints: the service with and without the cache, and three processes in an outage of Redis"
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
  <title>${title}</title>
  <style>
    .paper { fill: #f6f8fa; stroke: #d0d7de }
    text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
    .bold { font-weight: 700 }
    .dim { fill: #57606a }
    .bad { fill: #cf222e }
    .good { fill: #1a7f37 }
    .warn { fill: #9a6700 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117; stroke: #30363d }
      text { fill: #e6edf3 }
      .dim { fill: #9198a1 }
      .bad { fill: #f85149 }
      .good { fill: #3fb950 }
      .warn { fill: #d29922 }
    }
  </style>
  <rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${text.join("\n")}
</svg>
`
}

const demo = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn("npm", ["run", "--silent", "demo"], {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: "1" },
      stdio: ["ignore", "pipe", "inherit"]
    })
    let all = ""
    child.stdout.on("data", (bytes: Buffer) => {
      all += bytes.toString()
      process.stdout.write(bytes)
    })
    child.once("error", reject)
    child.once("close", (code) => code === 0 ? resolve(all) : reject(new Error(`the demo ended with ${code}`)))
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL(`../${target}`, import.meta.url), draw(telling(await demo())))
}
