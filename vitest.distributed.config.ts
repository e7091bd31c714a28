import { defineConfig } from "vitest/config"
import { shared } from "./vitest.config.js"

/** Several processes, several servers, or minutes of faults: one file at a time, since each takes both cores. */
export default defineConfig({
  test: {
    ...shared,
    globalSetup: ["test/support/vitest/distributedPrograms.ts", ...shared.globalSetup],
    include: ["test/distributed/**/*.test.ts"],
    passWithNoTests: true,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000
  }
})
