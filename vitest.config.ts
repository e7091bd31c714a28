import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL(".", import.meta.url))

/** What both suites share; `vitest.distributed.config.ts` builds on it. */
export const shared = {
  alias: [
    // The other major that the library is for: ioredis 5 is what is installed under its own name.
    ...(process.env.TEST_IOREDIS === "6" ? [{ find: /^ioredis$/, replacement: "ioredis6" }] : []),
    { find: /^effect-redis-cache$/, replacement: `${root}src/index.ts` },
    { find: /^effect-redis-cache\/(.+)$/, replacement: `${root}src/$1.ts` }
  ],
  globalSetup: ["test/support/vitest/globalSetup.ts"],
  setupFiles: ["test/support/vitest/runtime.ts", "test/support/vitest/tellOptions.ts"],
  reporters: ["default", "./test/support/vitest/closingLine.ts"]
}

export default defineConfig({
  test: {
    ...shared,
    include: ["test/**/*.test.ts"],
    exclude: ["test/distributed/**"],
    testTimeout: 10_000,
    // Loading Effect anew for each of the files would take as long as the tests do.
    isolate: false,
    // On two cores the default is one.
    maxWorkers: 2,
    minWorkers: 1,
    coverage: { include: ["src/**"] }
  }
})
