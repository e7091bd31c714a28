/**
 * Checks the package of the command line: its tarball has the expected files, its types resolve, it declares what it
 * loads, and its command runs outside of the project, with the packed library and the declared dependencies.
 */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { isBuiltin } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { checkLinks } from "./links.js"
import { checkTypes, importsOf, pack, packageOf, unpack } from "./tarball.js"

interface Manifest {
  readonly version: string
  /** Only the command line has some. */
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

/** The sources, what they are compiled to, and the texts. */
const expectedFiles = (): ReadonlySet<string> => {
  const modules = filesIn("cli/src").map((name) => name.replace(/\.ts$/, ""))
  return new Set([
    ...["package.json", "README.md", "LICENSE"],
    ...modules.map((name) => `src/${name}.ts`),
    ...modules.flatMap((name) => [".js", ".js.map", ".d.ts", ".d.ts.map"].map((end) => `dist/${name}${end}`))
  ])
}

/** A folder outside of the project with both packages and their declared dependencies. */
const install = (unpacked: string, library: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "cli-"))
  const put = (name: string, place: (target: string) => void): void => {
    const target = join(folder, "node_modules", name)
    mkdirSync(dirname(target), { recursive: true })
    place(target)
  }
  put("effect-redis-cache-cli", (target) => cpSync(unpacked, target, { recursive: true }))
  put("effect-redis-cache", (target) => cpSync(library, target, { recursive: true }))
  const needed = new Set([unpacked, library].flatMap((from) => Object.keys(manifestOf(from).dependencies)))
  needed.delete("effect-redis-cache")
  for (const name of needed) put(name, (target) => symlinkSync(resolve("node_modules", name), target))
  return folder
}

/**
 * `folder` is for the tarball, `library` the unpacked library. Reports each failed check, and returns the number of
 * passed ones.
 */
export const checkCli = (folder: string, library: string, report: (problem: string) => void): number => {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: "cli", stdio: "inherit" })
  const tarball = pack("cli", join(folder, "cli"))
  checkTypes(tarball, ["."])
  const unpacked = unpack(tarball, join(folder, "cli-unpacked"))
  const manifest = manifestOf(unpacked)

  const problems: Array<string> = []
  const expected = expectedFiles()
  const packed = new Set(filesIn(unpacked))
  for (const file of packed) if (!expected.has(file)) problems.push(`the package has ${file}, which it should not`)
  for (const file of expected) if (!packed.has(file)) problems.push(`the package lacks ${file}`)

  for (const file of packed) {
    if (!/^dist\/.*(?:\.js|\.d\.ts)$/.test(file)) continue
    for (const name of importsOf(join(unpacked, file))) {
      if (name.startsWith(".")) {
        if (!existsSync(join(unpacked, dirname(file), name))) problems.push(`${file} loads ${name}, which is not there`)
      } else if (!isBuiltin(name) && manifest.dependencies[packageOf(name)] === undefined) {
        problems.push(`${file} loads ${name}, which package.json does not declare`)
      }
    }
  }
  checkLinks(unpacked, (problem) => problems.push(problem), library)

  const consumer = install(unpacked, library)
  for (const [command, file] of Object.entries(manifest.bin ?? {})) {
    try {
      const program = join(consumer, "node_modules/effect-redis-cache-cli", file)
      const options = { encoding: "utf8", stdio: "pipe", cwd: consumer } as const
      const version = execFileSync(process.execPath, [program, "--version"], options).trim()
      if (version !== manifest.version) problems.push(`${command} --version prints ${version}, not ${manifest.version}`)
    } catch (error) {
      problems.push(`${command} --version does not run:\n${(error as { readonly stderr: string }).stderr}`) // of the process
    }
  }
  rmSync(consumer, { recursive: true, force: true })
  for (const problem of problems) report(`The command line: ${problem}`)
  return problems.length === 0 ? 1 : 0
}
