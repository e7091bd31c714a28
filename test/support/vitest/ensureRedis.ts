/**
 * Sees to it that tests can start Redis servers. Where one is root on Debian, what is missing is installed, after a line
 * that says so. Anywhere else it is an error of one line, never a suite that is skipped in silence.
 */
import { execFileSync } from "node:child_process"
import { accessSync, constants, rmSync, symlinkSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * The programs that test servers need, and Debian's packages of them. Its `redis-server` package would leave a service
 * that starts with the machine. `redis-tools` has the same program and no service: Redis is one file that looks at the
 * name by which it was called, and there it is called `redis-check-rdb`.
 */
const packages: Readonly<Record<string, string>> = { "redis-server": "redis-tools", "openssl": "openssl" }

export interface Machine {
  /** Its `PATH` is added to where that is needed. */
  readonly env: NodeJS.ProcessEnv
  readonly isRoot: boolean
  /** A folder of the project's own for programs. */
  readonly bin: string
  readonly say: (line: string) => void
}

const thisMachine = (): Machine => ({
  env: process.env,
  isRoot: process.getuid?.() === 0,
  bin: fileURLToPath(new URL("../../../node_modules/.bin", import.meta.url)), // npm has it on PATH for its scripts
  say: (line) => console.log(line)
})

export const ensureRedis = ({ bin, env, isRoot, say }: Machine = thisMachine()): void => {
  const find = (program: string): string | undefined =>
    (env.PATH ?? "").split(delimiter).map((folder) => join(folder, program)).find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

  /** Gives Redis its name back, for this project alone. */
  const link = (): void => {
    const redis = find("redis-check-rdb")
    if (redis === undefined || find("redis-server") !== undefined) return
    const file = join(bin, "redis-server")
    rmSync(file, { force: true }) // one that leads nowhere
    symlinkSync(redis, file)
    if (find("redis-server") === undefined) env.PATH = `${bin}${delimiter}${env.PATH}`
  }

  const missing = (): ReadonlyArray<string> => {
    link()
    return Object.keys(packages).filter((program) => find(program) === undefined)
  }

  const aptGet = (...args: ReadonlyArray<string>): void => {
    execFileSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", "-qq", "-y", ...args], {
      env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8"
    })
  }

  const absent = missing()
  if (absent.length === 0) return
  const needed = absent.map((program) => packages[program]!)
  let reason = ""
  if (isRoot && find("apt-get") !== undefined) {
    say(
      `The tests need ${absent.join(" and ")}: installing ${
        needed.join(" and ")
      } with apt-get (no service comes with ` +
        `it). To avoid this, put your own on PATH.`
    )
    try {
      aptGet("update")
      aptGet("install", "--no-install-recommends", ...needed)
      if (missing().length === 0) return
    } catch (error) {
      const { stderr } = error as { readonly stderr?: string } // what `execFileSync` throws
      reason = `; apt-get failed: ${stderr?.trim().split("\n").at(-1)}`
    }
  }
  const error = new Error(
    `The tests need ${absent.join(" and ")} on PATH (Debian: apt-get install ${needed.join(" ")}, ` +
      `macOS: brew install redis openssl)${reason}`
  )
  error.stack = "" // one line that says what to do, not where it was noticed
  throw error
}
