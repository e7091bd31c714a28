/** `npm test`: every check of the project, a line each, and the full output of failures. */
import { ensurePrograms, testPrograms } from "../test/support/vitest/ensurePrograms.js"
import { Report, run } from "./steps.js"

// First, and in this process, so that it is visible: the output of a step only shows if the step fails.
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

// Alone: some of them depend on timing.
await step("test:unit")

report.close()
