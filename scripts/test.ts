/**
 * `npm test`: every check of the project, a line each, and what failed in full. A step that counts what it checked
 * says so in a closing line, `N passed, N failed`; here the lines are added up.
 */
import { spawn } from "node:child_process"
import { ensureRedis } from "../test/support/vitest/ensureRedis.js"

interface Outcome {
  readonly code: number | null
  readonly output: string
  readonly seconds: number
}

/** Runs a script of package.json. Nothing is asked on a terminal, and nothing is coloured. */
const npmRun = (script: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const started = performance.now()
    const child = spawn("npm", ["run", "--silent", script], {
      env: { ...process.env, NO_COLOR: "1", CI: "true" },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (bytes) => (output += bytes))
    child.stderr.on("data", (bytes) => (output += bytes))
    child.on("close", (code) => resolve({ code, output, seconds: (performance.now() - started) / 1000 }))
  })

const total = { passed: 0, failed: 0 }

/** What went wrong, told again in a few lines at the end: who sees only the last part of a long log sees this. */
const failures: Array<string> = []

const failureLines = (output: string): ReadonlyArray<string> =>
  output.split("\n").filter((line) => /^\s*(?:×|→|FAIL|✗|AssertionError|Error:|\S+ failed)/.test(line)).slice(0, 40)

const count = ({ code, output }: Outcome): { readonly passed: number; readonly failed: number } | undefined => {
  // The last closing line, or what tstyche says.
  const line = [...output.matchAll(/^(?:Assertions: .*|\d+ passed, \d+ failed)$/gm)].at(-1)?.[0]
  const number = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line ?? "")?.[1] ?? 0)
  const failed = number("failed")
  if (code !== 0 && failed === 0) return { passed: number("passed"), failed: 1 }
  return line === undefined ? undefined : { passed: number("passed"), failed }
}

const report = (script: string, outcome: Outcome): void => {
  const counted = count(outcome)
  total.passed += counted?.passed ?? 0
  total.failed += counted?.failed ?? 0
  const numbers = counted === undefined ? "" : `  (${counted.passed} passed, ${counted.failed} failed)`
  const verdict = outcome.code === 0 ? "ok" : "FAILED"
  console.log(`${verdict.padEnd(8)}${script.padEnd(16)}${outcome.seconds.toFixed(1).padStart(6)} s${numbers}`)
  if (outcome.code === 0) return
  // Indented, so that the closing line of the whole run stays the only one.
  console.log(outcome.output.trimEnd().replaceAll(/^/gm, "    "))
  failures.push(`FAILED  ${script}`, ...failureLines(outcome.output).map((line) => `    ${line.trim()}`))
}

// First, and here, where it is seen: what a step says is shown only if the step fails.
try {
  ensureRedis()
} catch (error) {
  console.log(`${(error as Error).message}\n0 passed, 1 failed`) // it throws nothing else
  process.exit(1)
}

/**
 * Two at a time, so that two cores are busy. The longest come first, so that they end together. Effect's diagnostics of
 * the tests themselves take longer than any of these: `.ci/run` adds them.
 */
const waiting = [
  "lint:eslint",
  "docs:check",
  "lint:effect:src",
  "check",
  "package:check",
  "dtslint",
  "lint:cycles"
]
const lane = async (): Promise<void> => {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) {
    report(script, await npmRun(script))
  }
}
await Promise.all([lane(), lane()])

// Alone: some of them watch the clock.
report("test:unit", await npmRun("test:unit"))

for (const line of failures) console.log(line)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
