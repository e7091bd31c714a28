/** `npm test`: every check of the project, a line each, and what failed in full. */
import { ensurePrograms, testPrograms } from "../test/support/vitest/ensurePrograms.js"
import { Report, run } from "./steps.js"

// First, and here, where it is seen: what a step says is shown only if the step fails.
try {
  ensurePrograms(testPrograms)
} catch (error) {
  console.log(`${(error as Error).message}\n0 passed, 1 failed`) // it throws nothing else
  process.exit(1)
}

const report = new Report()

const step = async (script: string): Promise<void> => report.add(script, await run("npm", ["run", "--silent", script]))

/**
 * Two at a time, so that two cores are busy. The longest come first, so that they end together. Effect's diagnostics of
 * the tests themselves take longer than any of these: `.ci/run` adds them.
 */
const waiting = [
  "package:check",
  "lint:eslint",
  "docs:check",
  "lint:effect:src",
  "check",
  "dtslint",
  "lint:cycles"
]
const lane = async (): Promise<void> => {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) await step(script)
}
await Promise.all([lane(), lane()])

// Alone: some of them watch the clock.
await step("test:unit")

report.close()
