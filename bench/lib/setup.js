/** Installs the missing peers, and builds the library into the place where an install would put it. */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const bench = new URL("../", import.meta.url)
const root = new URL("../", bench)
const peers = ["bentocache", "effect3", "effect4"]

const read = (url) => JSON.parse(readFileSync(url, "utf8"))

const isInstalled = (folder) => {
  const { dependencies } = read(new URL("package.json", folder))
  return Object.entries(dependencies).every(([name, version]) => {
    const installed = new URL(`node_modules/${name}/package.json`, folder)
    return existsSync(installed) && read(installed).version === version
  })
}

const install = (folder) => {
  console.log(`Installing ${fileURLToPath(folder)}`)
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"]
  })
}

/** With the ioredis and Effect versions that are pinned here, beside the peers. The tests check types. */
const build = () => {
  const target = new URL("node_modules/effect-redis-cache/", bench)
  const compiler = new URL("node_modules/typescript/bin/tsc", root)
  if (!existsSync(compiler)) throw new Error("The library is built first: run `npm install` in the root")
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target)
  cpSync(new URL("package.json", root), new URL("package.json", target))
  execFileSync(process.execPath, [
    fileURLToPath(compiler),
    ...["-p", fileURLToPath(new URL("tsconfig.build.json", root))],
    ...["--outDir", fileURLToPath(new URL("dist", target)), "--noCheck"],
    ...["--declaration", "false", "--declarationMap", "false"]
  ], { cwd: root, stdio: "inherit" })
}

/** A peer that does not install (another Node, no network) is left out, and the report says so. */
export const setUp = () => {
  if (!isInstalled(bench)) install(bench)
  for (const peer of peers) {
    const folder = new URL(`peers/${peer}/`, bench)
    if (isInstalled(folder)) continue
    try {
      install(folder)
    } catch (error) {
      console.error(`${peer} could not be installed: ${error.message}`)
    }
  }
  build()
}
