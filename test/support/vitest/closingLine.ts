import type { Reporter, TestModule } from "vitest/node"

/**
 * A reporter that closes the run with `N passed, N failed`, alone on the last line. A file that does not load and an
 * error outside every test are failures too.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: "passed" | "failed") => tests.filter((test) => test.result().state === state).length
    const failed = count("failed") + modules.flatMap((module) => module.errors()).length + unhandledErrors.length
    // At exit, so that it comes after the output of all other reporters. A run that fails without a failed test (its
    // setup did) has one failure.
    process.once("exit", (code) => {
      console.log(`${count("passed")} passed, ${code !== 0 && failed === 0 ? 1 : failed} failed`)
    })
  }
}
