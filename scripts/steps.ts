/**
 * Steps of a check: a line for each, the full output of failures, and the sum. A step that counts what it checked says
 * so in a closing line, `N passed, N failed`; these lines are added up.
 */
import { spawn } from "node:child_process"

export interface Outcome {
  readonly code: number | null
  readonly output: string
  readonly seconds: number
}

/** Runs a program, without prompts or colours. */
export const run = (program: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  new Promise((resolve) => {
    const started = performance.now()
    const child = spawn(program, args, {
      env: { ...process.env, NO_COLOR: "1", CI: "true", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (bytes) => (output += bytes))
    child.stderr.on("data", (bytes) => (output += bytes))
    child.on("close", (code) => resolve({ code, output, seconds: (performance.now() - started) / 1000 }))
  })

const failureLines = (output: string): ReadonlyArray<string> =>
  output.split("\n").filter((line) => /^\s*(?:×|→|FAIL|✗|AssertionError|Error:|\S+ failed)/.test(line)).slice(0, 40)

const count = ({ code, output }: Outcome): { readonly passed: number; readonly failed: number } | undefined => {
  // The last closing line, or tstyche's summary.
  const line = [...output.matchAll(/^(?:Assertions: .*|\d+ passed, \d+ failed)$/gm)].at(-1)?.[0]
  const number = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line ?? "")?.[1] ?? 0)
  const failed = number("failed")
  if (code !== 0 && failed === 0) return { passed: number("passed"), failed: 1 }
  return line === undefined ? undefined : { passed: number("passed"), failed }
}

export class Report {
  private readonly total = { passed: 0, failed: 0 }
  /** The failures, repeated in a few lines at the end: a reader of only the last part of a long log sees them. */
  private readonly failures: Array<string> = []

  add(step: string, outcome: Outcome): void {
    const counted = count(outcome)
    this.total.passed += counted?.passed ?? 0
    this.total.failed += counted?.failed ?? 0
    const numbers = counted === undefined ? "" : `  (${counted.passed} passed, ${counted.failed} failed)`
    const verdict = outcome.code === 0 ? "ok" : "FAILED"
    console.log(`${verdict.padEnd(8)}${step.padEnd(16)}${outcome.seconds.toFixed(1).padStart(6)} s${numbers}`)
    if (outcome.code === 0) return
    // Indented, so that the closing line of the whole run stays the only one.
    console.log(outcome.output.trimEnd().replaceAll(/^/gm, "    "))
    this.failures.push(`FAILED  ${step}`, ...failureLines(outcome.output).map((line) => `    ${line.trim()}`))
  }

  /** Prints the closing line, and sets the exit code. */
  close(): void {
    for (const line of this.failures) console.log(line)
    console.log(`${this.total.passed} passed, ${this.total.failed} failed`)
    process.exitCode = this.total.failed === 0 ? 0 : 1
  }
}
