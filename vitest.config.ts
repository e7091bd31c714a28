import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL(".", import.meta.url))

/** What both suites share; `vitest.fleet.config.ts` builds on it. */
export const shared = {
  alias: [
    { find: /^effect-redis-cache$/, replacement: `${root}src/index.ts` },
    { find: /^effect-redis-cache\/(.+)$/, replacement: `${root}src/$1.ts` }
  ],
  globalSetup: ["test/support/globalSetup.ts"],
  setupFiles: ["test/support/tellOptions.ts"],
  reporters: ["default", "./test/support/closingLine.ts"]
}

export default defineConfig({
  test: {
    ...shared,
    include: ["test/**/*.test.ts"],
    exclude: ["test/fleet/**", "test/cluster/**"],
    testTimeout: 10_000,
    // On two cores the default is one: the model alone takes as long as all the others.
    maxWorkers: 2,
    minWorkers: 1,
    coverage: { include: ["src/**"] }
  }
})
