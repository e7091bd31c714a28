import { execFileSync } from "node:child_process"
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"

/** The programs that test servers need, and Debian's packages of them. Both have the name of their package. */
const programs = ["redis-server", "openssl"]

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const missing = (): ReadonlyArray<string> => programs.filter((program) => !isOnPath(program))

const policy = "/usr/sbin/policy-rc.d"

/** Debian starts a service when it installs one. Tests start their own servers, so the policy forbids it meanwhile. */
const withoutServices = (install: () => void): void => {
  if (existsSync(policy)) return install()
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 })
  try {
    install()
  } finally {
    rmSync(policy)
  }
}

const aptGet = (...args: ReadonlyArray<string>): void => {
  execFileSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", "-qq", "-y", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdio: ["ignore", "ignore", "inherit"]
  })
}

/**
 * Sees to it that `redis-server` can be started. On a Debian machine where one is root it is installed. Anywhere else
 * its absence is an error of one line, never a suite that is skipped in silence.
 */
export const ensureRedis = (): void => {
  const absent = missing()
  if (absent.length === 0) return
  if (process.getuid?.() === 0 && isOnPath("apt-get")) {
    console.log(`Installing ${absent.join(" and ")} for the tests`)
    withoutServices(() => {
      aptGet("update")
      aptGet("install", "--no-install-recommends", ...absent)
    })
    if (missing().length === 0) return
  }
  const names = absent.join(" and ")
  const error = new Error(
    `The tests need ${names} on PATH (Debian: apt-get install ${absent.join(" ")}, macOS: brew install redis openssl)`
  )
  error.stack = "" // one line that says what to do, not where it was noticed
  throw error
}
