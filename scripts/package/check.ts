/**
 * Checks the published package: it is built and packed, its `exports` and types resolve, its links lead somewhere, the
 * core loads nothing that it does not need, and programs with some of the optional peers type-check, bundle and run.
 * Checks the package of the command line, too.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { checkCli } from "./cli.js"
import { checkConsumers, needs } from "./consumers.js"
import { checkLinks } from "./links.js"
import { checkTypes, importsOf, pack, packageOf, unpack } from "./tarball.js"

const folder = ".tmp/package-check"

/** Packages that every user of this one has: not the optional peers, which only some modules need. */
const manifest: {
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional?: boolean }>
} = JSON.parse(readFileSync("package.json", "utf8"))
const allowed = new Set([
  "node:crypto",
  ...Object.keys(manifest.dependencies),
  ...Object.keys(manifest.peerDependencies).filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)
])

/** Calls `report` for each import of a forbidden package in `file` and in all of our files that it loads. */
const checkImports = (file: string, report: (problem: string) => void, path: ReadonlyArray<string> = []): void => {
  if (path.includes(file)) return
  for (const fileName of importsOf(file)) {
    const packageName = isBuiltin(fileName)
      ? `node:${fileName.replace(/^node:/, "")}`
      : packageOf(fileName)
    if (fileName.startsWith(".")) checkImports(join(dirname(file), fileName), report, [...path, file])
    else if (!allowed.has(packageName)) report(`${[...path, file].join(" → ")} loads ${fileName}`)
  }
}

/** All of our files that this one imports, including itself; with types for declarations. */
const filesOf = (file: string, all: Set<string> = new Set()): ReadonlySet<string> => {
  if (all.has(file)) return all
  all.add(file)
  for (const fileName of importsOf(file)) {
    if (!fileName.startsWith(".")) continue
    const path = join(dirname(file), fileName)
    filesOf(file.endsWith(".d.ts") ? path.replace(/\.js$/, ".d.ts") : path, all)
  }
  return all
}

execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit" })
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const tarball = pack(".", join(folder, "packed"))

const entryPoints = readdirSync("dist").filter((name) => name.endsWith(".js") && name !== "index.js")
checkTypes(tarball, [".", ...entryPoints.map((name) => name.replace(/\.js$/, ""))])

// The core runs wherever Effect does: only the ioredis driver needs a Redis client. No other module reaches the entry
// points that need another package.
const failures = new Set<string>()
const apart = Object.keys(needs)
const core = entryPoints.map((name) => name.replace(/\.js$/, "")).filter((name) => !apart.includes(name))
for (const name of ["Cache", "Memo"]) checkImports(`dist/${name}.js`, (problem) => failures.add(problem))
for (const name of [...core, "index"]) {
  for (const file of [`dist/${name}.js`, `dist/${name}.d.ts`]) {
    for (const reached of filesOf(file)) {
      if (apart.some((entry) => reached === `dist/${entry}${file.slice(file.indexOf("."))}`)) {
        failures.add(`${file} reaches ${reached}`)
      }
    }
  }
}

const unpacked = unpack(tarball, join(folder, "unpacked"))
checkLinks(unpacked, (problem) => failures.add(problem))
const passed = await checkConsumers(unpacked, (problem) => failures.add(problem)) +
  checkCli(folder, unpacked, (problem) => failures.add(problem))
failures.forEach((failure) => console.error(failure))
console.log(`${passed} passed, ${failures.size} failed`)
if (failures.size === 0) rmSync(folder, { recursive: true, force: true })
process.exitCode = failures.size === 0 ? 0 : 1
