/**
 * Checks the published package: it is built and packed, its `exports` and types resolve, its links lead somewhere, the
 * core loads nothing that it does not need, and programs with some of the optional peers type-check, bundle and run.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import ts from "typescript"
import { checkConsumers, needs } from "./consumers.js"
import { checkLinks } from "./links.js"

const folder = ".tmp/package-check"

const npx = (...command: ReadonlyArray<string>): void => {
  execFileSync("npx", ["--no-install", ...command], { stdio: "inherit" })
}

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

/** The imports of a file, in any form. `ts.preProcessFile` does not know `export * as`. */
const importsOf = (file: string): ReadonlyArray<string> => {
  const imports: Array<string> = []
  const take = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteral(node)) imports.push(node.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) take(node.argument.literal)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) take(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest))
  return imports
}

/** Calls `report` for each import of a forbidden package in `file` and in all of our files that it loads. */
const checkImports = (file: string, report: (problem: string) => void, path: ReadonlyArray<string> = []): void => {
  if (path.includes(file)) return
  for (const fileName of importsOf(file)) {
    const packageName = isBuiltin(fileName)
      ? `node:${fileName.replace(/^node:/, "")}`
      : /^(@[^/]+\/)?[^/]+/.exec(fileName)![0]
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
execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { stdio: ["ignore", "ignore", "inherit"] })
const tarball = join(folder, readdirSync(folder)[0]!)

const entryPoints = readdirSync("dist").filter((name) => name.endsWith(".js") && name !== "index.js")
npx("publint", "run", tarball, "--strict")
npx(
  ...[
    "attw",
    tarball,
    "--profile",
    "esm-only",
    "--no-definitely-typed",
    "--no-emoji",
    "--no-color",
    "--format",
    "ascii"
  ],
  ...["--entrypoints", ".", ...entryPoints.map((name) => name.replace(/\.js$/, ""))]
)

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

const unpacked = join(folder, "unpacked")
mkdirSync(unpacked)
execFileSync("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components", "1"])
checkLinks(unpacked, (problem) => failures.add(problem))
const passed = await checkConsumers(unpacked, (problem) => failures.add(problem))
failures.forEach((failure) => console.error(failure))
console.log(`${passed} passed, ${failures.size} failed`)
if (failures.size === 0) rmSync(folder, { recursive: true, force: true })
process.exitCode = failures.size === 0 ? 0 : 1
