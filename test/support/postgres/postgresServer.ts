/**
 * A real PostgreSQL for tests. It is a child of this process, on a port of its own of the loopback address, with its
 * database in a temporary folder. Every client that can connect is trusted.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { chownSync, mkdtempSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { endServer, type Served, serveSomewhere } from "../processes/serve.js"
import { findProgram } from "../vitest/ensurePrograms.js"

export interface PostgresServer {
  readonly port: number
  /** `postgres://postgres@127.0.0.1:6543/postgres` */
  readonly url: string
  readonly pid: number
  /** Ends the server and removes its folder. */
  readonly stop: () => Promise<void>
}

/** The user that the server runs as: PostgreSQL refuses to run as root. */
const unprivileged = (): Served["user"] => {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"))
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody")
  if (user === undefined) throw new Error("PostgreSQL refuses to run as root: add a user `postgres`")
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

export const startPostgres = async (): Promise<PostgresServer> => {
  const program = findProgram("postgres")
  if (program === undefined) throw new Error("postgres is not on PATH")
  const user = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), "postgres-test-"))
  const removeFolder = () => rm(folder, { recursive: true, force: true })
  try {
    if (user !== undefined) chownSync(folder, user.uid, user.gid)
    execFileSync(
      join(dirname(program), "initdb"),
      "--pgdata data --username postgres --auth trust --encoding UTF8 --locale C --no-sync".split(" "),
      { cwd: folder, stdio: ["ignore", "ignore", "pipe"], ...user }
    )
    const { child, port } = await serveSomewhere("postgres", (port) => ({
      command: [
        program,
        ..."-D data -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200".split(" "),
        // It is removed with the test: nothing has to survive a crash of the machine.
        ..."-c fsync=off -c synchronous_commit=off -c full_page_writes=off".split(" "),
        ...["-c", `port=${port}`]
      ],
      folder,
      serves: async (log) => log.includes("ready to accept connections"),
      // "Immediate shutdown": it ends its own children, too.
      end: "SIGQUIT",
      user
    }))
    return {
      port,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      pid: child.pid!,
      stop: async () => {
        await endServer(child, "SIGQUIT")
        await removeFolder()
      }
    }
  } catch (error) {
    await removeFolder()
    throw error
  }
}

/** A server that lives as long as the scope. */
export const make = (): Effect.Effect<PostgresServer, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(startPostgres), (server) => Effect.promise(() => server.stop()))
