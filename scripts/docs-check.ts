/**
 * Checks that every example in the documentation compiles, and runs those that can run.
 *
 * - A `ts` fence in README.md or docs/*.md is a program of its own: it is compiled, and runs in a process of its own.
 *   After the language, it may say `no-run` (compiled only) or `continued` (continues the fence before it).
 * - An `@example` in src is compiled, and runs if it calls an `Effect.run…`.
 *
 * Each example goes to a file in which it keeps its original line numbers, so that an error names the line to fix. An
 * example that reads REDIS_URL gets a server.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { startRedis } from "../test/support/redisServer.js"
import { ensurePrograms } from "../test/support/vitest/ensurePrograms.js"

const folder = ".tmp/docs-check"
const secondsToRun = 20

interface Example {
  /** Where it came from: `docs/tags.md:12`. */
  readonly place: string
  readonly file: string
  readonly lines: Array<string>
  readonly run: boolean
}

const filesIn = (path: string, extension: string): ReadonlyArray<string> =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(extension)).map((name) => join(path, name)).sort()
    : []

const fence = /^\s*(?:\* )?```ts(?: (?<flag>.+))?$/

const examplesOf = (path: string): ReadonlyArray<Example> => {
  const isSource = path.endsWith(".ts")
  const examples: Array<Example> = []
  let current: Example | undefined
  readFileSync(path, "utf8").split("\n").forEach((line, index) => {
    const opening = fence.exec(line)
    if (current === undefined && opening !== null) {
      const flag = opening.groups?.flag
      if (flag !== undefined && flag !== "no-run" && flag !== "continued") {
        throw new Error(`${path}:${index + 1}: a fence says "ts", "ts no-run" or "ts continued", not "ts ${flag}"`)
      }
      if (flag === "continued") {
        current = examples.at(-1)
        if (current === undefined) throw new Error(`${path}:${index + 1}: there is nothing that this could continue`)
      } else {
        const file = join(folder, path, `${index + 1}.ts`)
        current = { place: `${path}:${index + 1}`, file, lines: [], run: !isSource && flag !== "no-run" }
        examples.push(current)
      }
      while (current.lines.length <= index) current.lines.push("")
    } else if (/^\s*(?:\* )?```/.test(line)) {
      current = undefined
    } else {
      current?.lines.push(isSource ? line.replace(/^\s*\* ?/, "") : line)
    }
  })
  return examples.map((example) =>
    isSource ? { ...example, run: /\bEffect\.run[A-Z]/.test(example.lines.join("\n")) } : example
  )
}

/** A program's output, with the source positions in it, or undefined if it succeeded. */
const run = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, seconds: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    const timer = setTimeout(() => {
      output += `\nStill running after ${seconds} seconds.`
      child.kill("SIGKILL")
    }, seconds * 1000)
    child.stdout.on("data", (bytes) => (output += bytes))
    child.stderr.on("data", (bytes) => (output += bytes))
    child.on("close", (code) => {
      clearTimeout(timer)
      const mapped = output.replaceAll(/[^\s(]*\.tmp\/docs-check\/(.+?)\/\d+\.ts/g, "$1")
      resolve(code === 0 ? undefined : mapped.trim() || `Ended with ${code}, printing nothing.`)
    })
  })

/** TypeDoc's output for the comments in src: their examples are taken from it. */
const isGenerated = (path: string): boolean => path.startsWith(join("docs", "api"))

const examples = ["README.md", ...filesIn("docs", ".md").filter((path) => !isGenerated(path)), ...filesIn("src", ".ts")]
  .filter((path) => existsSync(path)).flatMap(examplesOf)

rmSync(folder, { recursive: true, force: true })
for (const { file, lines } of examples) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${lines.join("\n")}\n`)
}
mkdirSync(folder, { recursive: true })
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ["."]
  })
)

const failures = new Set<string>()
const compileErrors = examples.length === 0
  ? undefined
  : await run(["node_modules/typescript/bin/tsc", "-p", folder, "--pretty", "false"], process.env, 300)
if (compileErrors !== undefined) {
  console.error(compileErrors)
  for (const { lines, place } of examples) {
    const [path, first] = place.split(":")
    const isHere = (error: RegExpMatchArray) =>
      error[1] === path && Number(error[2]) >= Number(first) && Number(error[2]) <= lines.length
    if ([...compileErrors.matchAll(/^(.+?)\((\d+),\d+\): error/gm)].some(isHere)) failures.add(place)
  }
  // An error in src, or in the configuration.
  if (failures.size === 0) failures.add("src")
}

const toRun = examples.filter((example) => example.run && !failures.has(example.place))
const needsRedis = ({ lines }: Example) => lines.some((line) => line.includes("REDIS_URL"))
if (toRun.some(needsRedis)) ensurePrograms(["redis-server"])
const server = toRun.some(needsRedis) ? await startRedis() : undefined
const { REDIS_URL: _, ...environment } = process.env
const worker = async (queue: Iterator<Example>): Promise<void> => {
  for (let next = queue.next(); !next.done; next = queue.next()) {
    const example = next.value
    const env = needsRedis(example) ? { ...environment, REDIS_URL: server!.url } : environment
    const failure = await run(["--import", "tsx", example.file], env, secondsToRun)
    if (failure === undefined) continue
    failures.add(example.place)
    console.error(`${example.place} does not run:\n${failure.replaceAll(/^/gm, "  ")}\n`)
  }
}
const queue = toRun.values()
await Promise.all([worker(queue), worker(queue)])
await server?.stop()

if (failures.size === 0) rmSync(folder, { recursive: true, force: true })
console.log(`${examples.length} examples compiled, ${toRun.length} of them run`)
console.log(`${examples.filter(({ place }) => !failures.has(place)).length} passed, ${failures.size} failed`)
process.exitCode = failures.size === 0 ? 0 : 1
