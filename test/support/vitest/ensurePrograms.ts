/**
 * Makes sure that tests find the programs that they start. As root on Debian, it installs what is missing, after a line
 * that says so. Anywhere else a missing program is an error of one line, never a suite that is skipped silently.
 */
import { execFileSync } from "node:child_process"
import { accessSync, constants, mkdirSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

export type Program = "redis-server" | "openssl" | "postgres" | "chromium"

export interface Machine {
  /** Its `PATH` is extended if necessary. */
  readonly env: NodeJS.ProcessEnv
  readonly isRoot: boolean
  /** The root of its file system. */
  readonly root: string
  /** A folder of the project's own for programs. */
  readonly bin: string
  readonly say: (line: string) => void
}

const thisMachine = (): Machine => ({
  env: process.env,
  isRoot: process.getuid?.() === 0,
  root: "/",
  bin: fileURLToPath(new URL("../../../node_modules/.bin", import.meta.url)), // npm puts it on PATH for its scripts
  say: (line) => console.log(line)
})

/** Where a program lies on `PATH`. */
export const findProgram = (program: string, env: NodeJS.ProcessEnv = process.env): string | undefined =>
  (env.PATH ?? "").split(delimiter).map((folder) => join(folder, program)).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

interface Source {
  /** Its package on Debian, and on Homebrew. */
  readonly debian: string
  readonly brew: string
  /** Puts it on `PATH` if the machine has it elsewhere. */
  readonly expose?: (machine: Machine) => void
  /** Prepares the installation. Gives a function that undoes this. */
  readonly prepare?: (machine: Machine) => () => void
}

const redis: Source = {
  // The package `redis-server` would leave a service that starts with the machine. This one has the same program
  // without the service: Redis is one file that checks the name by which it was called, which is `redis-check-rdb`
  // here.
  debian: "redis-tools",
  brew: "redis",
  /** Gives Redis its name back, for this project alone. */
  expose: ({ bin, env }) => {
    const program = findProgram("redis-check-rdb", env)
    if (program === undefined) return
    const file = join(bin, "redis-server")
    rmSync(file, { force: true }) // one that leads nowhere
    symlinkSync(program, file)
    if (findProgram("redis-server", env) === undefined) env.PATH = `${bin}${delimiter}${env.PATH}`
  }
}

const postgres: Source = {
  debian: "postgresql",
  brew: "postgresql",
  /** Debian has a folder for each major version, and none of them on `PATH`. */
  expose: ({ env, root }) => {
    const folder = join(root, "usr/lib/postgresql")
    let versions: ReadonlyArray<string> = []
    try {
      versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a))
    } catch {
      return // there is none
    }
    const bin = versions.map((version) => join(folder, version, "bin"))
      .find((each) => findProgram("postgres", { PATH: each }) !== undefined)
    if (bin !== undefined) env.PATH = `${env.PATH}${delimiter}${bin}`
  },
  /** The package would create and start a database. Without one, its service has nothing to run. */
  prepare: ({ root }) => {
    const folder = join(root, "etc/postgresql-common/createcluster.d")
    const file = join(folder, "no-main-cluster.conf")
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, "create_main_cluster = false\n")
    return () => {
      rmSync(file)
      if (readdirSync(folder).length === 0) rmdirSync(folder)
    }
  }
}

const sources: Readonly<Record<Program, Source>> = {
  "redis-server": redis,
  "openssl": { debian: "openssl", brew: "openssl" },
  postgres,
  "chromium": { debian: "chromium", brew: "chromium" }
}

/**
 * The programs that `npm test` needs. The tests of several processes and servers need more, see
 * `distributedPrograms.ts`.
 */
export const testPrograms: ReadonlyArray<Program> = ["redis-server", "openssl"]

const install = (programs: ReadonlyArray<Program>, machine: Machine): void => {
  const aptGet = (...args: ReadonlyArray<string>): void => {
    execFileSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", "-qq", "-y", ...args], {
      env: { ...machine.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8"
    })
  }
  const restores = programs.flatMap((program) => sources[program].prepare?.(machine) ?? [])
  try {
    aptGet("update")
    aptGet("install", "--no-install-recommends", ...programs.map((program) => sources[program].debian))
  } finally {
    for (const restore of restores) restore()
  }
}

export const ensurePrograms = (needed: ReadonlyArray<Program>, machine: Machine = thisMachine()): void => {
  const { env, isRoot, say } = machine
  const missing = (): ReadonlyArray<Program> =>
    needed.filter((program) => {
      if (findProgram(program, env) === undefined) sources[program].expose?.(machine)
      return findProgram(program, env) === undefined
    })

  const absent = missing()
  if (absent.length === 0) return
  const names = absent.join(" and ")
  const debian = absent.map((program) => sources[program].debian)
  let reason = ""
  if (isRoot && findProgram("apt-get", env) !== undefined) {
    say(
      `The tests need ${names}: installing ${
        debian.join(" and ")
      } with apt-get (no service that runs comes with it). ` +
        `To avoid this, put your own on PATH.`
    )
    try {
      install(absent, machine)
      if (missing().length === 0) return
    } catch (error) {
      const { stderr } = error as { readonly stderr?: string } // what `execFileSync` throws
      reason = `; apt-get failed: ${stderr?.trim().split("\n").at(-1)}`
    }
  }
  const error = new Error(
    `The tests need ${names} on PATH (Debian: apt-get install ${debian.join(" ")}, ` +
      `macOS: brew install ${absent.map((program) => sources[program].brew).join(" ")})${reason}`
  )
  error.stack = "" // one line that says what to do, without a stack trace
  throw error
}
