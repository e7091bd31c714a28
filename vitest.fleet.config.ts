import { defineConfig } from "vitest/config"
import { shared } from "./vitest.config.js"

/** Several processes, or several servers of a cluster: one file at a time, since each file takes both cores. */
export default defineConfig({
  test: {
    ...shared,
    include: ["test/cluster/**/*.test.ts", "test/fleet/**/*.test.ts"],
    passWithNoTests: true,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000
  }
})
