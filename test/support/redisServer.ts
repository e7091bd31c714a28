/**
 * Real Redis servers for tests. Each is a child of this process, on a port of its own of the loopback address, with
 * nothing kept on disk; it is ended by its process id, and ends with this process whatever happens to it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tls from "node:tls"
import { freePort } from "./freePort.js"
import { signal as send } from "./processes/signal.js"

export interface RedisOptions {
  /** The default user's. */
  readonly password?: string | undefined
  /** Lines of an ACL file (`user alice on >secret ~* +@all`). Redis ignores `password` where there is one. */
  readonly acl?: ReadonlyArray<string> | undefined
  /** TLS only, with a certificate of its own for `localhost` and `127.0.0.1`. */
  readonly tls?: boolean | undefined
  /** It is a sentinel, with this configuration file. */
  readonly sentinel?: string | undefined
  /** More command line arguments: `["--maxmemory", "2mb"]`. */
  readonly args?: ReadonlyArray<string> | undefined
}

export interface RedisServer {
  readonly port: number
  /** With the password, where there is one: `redis://:secret@127.0.0.1:6543`. */
  readonly url: string
  /** The certificate to trust (PEM), where the server speaks TLS. */
  readonly ca: string | undefined
  /** A restart changes it. */
  readonly pid: number
  /** Ends the server for good and removes its folder. May be called twice. */
  readonly stop: () => Promise<void>
  /** Ends the process, `SIGKILL` unless told otherwise, and waits until it is gone. `restart` starts it again. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** `SIGSTOP`: the kernel still accepts connections and bytes, nobody answers. */
  readonly pause: () => void
  /** `SIGCONT`. */
  readonly resume: () => void
  /** An empty server on the same port. */
  readonly restart: () => Promise<void>
}

/** Where the kernel can end a child with its parent (Linux), let it: a killed test run leaves no servers behind. */
const launcher = existsSync("/usr/bin/setpriv")
  ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "redis-server"]
  : ["redis-server"]

const tlsArguments = "--tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file cert.pem --tls-auth-clients no"
  .split(" ")

const running = new Set<ChildProcess>()

const endAll = (): void => {
  for (const child of running) send(child, "SIGKILL")
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

/** Whether the server answers `PING`. A demand for a password is an answer. */
const answers = (port: number, ca: string | undefined): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = ca === undefined
      ? net.connect({ host: "127.0.0.1", port })
      : tls.connect({ host: "127.0.0.1", port, ca })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => settle(false))
    socket.on("error", () => settle(false))
    socket.on("close", () => settle(false))
    socket.once("data", (bytes) => settle(/^(\+PONG|-NOAUTH)/.test(bytes.toString())))
    socket.write("PING\r\n")
  })

const makeCertificate = async (folder: string): Promise<string> => {
  execFileSync("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost".split(" "),
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", "key.pem", "-out", "cert.pem"]
  ], { cwd: folder, stdio: "ignore" })
  return await readFile(join(folder, "cert.pem"), "utf8")
}

export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer> => {
  const folder = await mkdtemp(join(tmpdir(), "redis-test-"))
  const ca = options.tls === true ? await makeCertificate(folder) : undefined
  if (options.acl !== undefined) await writeFile(join(folder, "users.acl"), `${options.acl.join("\n")}\n`)

  const commandLine = (port: number): ReadonlyArray<string> => [
    ...(options.sentinel === undefined
      ? ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
      : [options.sentinel, "--sentinel", "--bind", "127.0.0.1"]),
    ...(ca === undefined ? ["--port", `${port}`] : ["--port", "0", "--tls-port", `${port}`, ...tlsArguments]),
    ...(options.password === undefined ? [] : ["--requirepass", options.password]),
    ...(options.acl === undefined ? [] : ["--aclfile", "users.acl"]),
    ...options.args ?? []
  ]

  /** Starts a process and waits until it answers; gives what it wrote if it ends instead. */
  const launch = async (port: number): Promise<ChildProcess | string> => {
    const [program, ...args] = [...launcher, ...commandLine(port)]
    const child = spawn(program!, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
    let log = ""
    child.stdout.on("data", (bytes) => (log = `${log}${bytes}`.slice(-4000)))
    child.stderr.on("data", (bytes) => (log = `${log}${bytes}`.slice(-4000)))
    child.on("error", (error) => (log += error.message))
    if (running.size === 0) process.once("exit", endAll)
    running.add(child)
    child.once("exit", () => {
      running.delete(child)
      if (running.size === 0) process.off("exit", endAll)
    })
    const deadline = Date.now() + 15_000
    while (!hasEnded(child) && child.pid !== undefined && Date.now() < deadline) {
      // The second look makes sure that it was this child that answered, not another server on the port.
      if (await answers(port, ca) && !hasEnded(child)) return child
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    send(child, "SIGKILL")
    return log
  }

  const launchSomewhere = async (): Promise<[number, ChildProcess]> => {
    let log = ""
    for (let attempt = 0; attempt < 5; attempt++) {
      const port = await freePort()
      const outcome = await launch(port)
      if (typeof outcome !== "string") return [port, outcome]
      log = outcome
      if (!log.includes("Address already in use")) break
    }
    await rm(folder, { recursive: true, force: true })
    throw new Error(`redis-server did not start: ${log}`)
  }

  let [port, child] = await launchSomewhere()

  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (hasEnded(child)) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    send(child, signal)
    send(child, "SIGCONT") // a stopped process would keep any signal but SIGKILL to itself
    await ended
  }

  const scheme = ca === undefined ? "redis" : "rediss"
  const userInfo = options.password === undefined ? "" : `:${encodeURIComponent(options.password)}@`
  return {
    port,
    url: `${scheme}://${userInfo}127.0.0.1:${port}`,
    ca,
    get pid() {
      return child.pid!
    },
    kill,
    stop: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
    pause: () => send(child, "SIGSTOP"),
    resume: () => send(child, "SIGCONT"),
    restart: async () => {
      await kill()
      const outcome = await launch(port)
      if (typeof outcome === "string") throw new Error(`redis-server did not start again: ${outcome}`)
      child = outcome
    }
  }
}

/** A server that lives as long as the scope: `const server = yield* RedisServer.make({ password: "secret" })`. */
export const make = (options?: RedisOptions): Effect.Effect<RedisServer, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => startRedis(options)), (server) => Effect.promise(() => server.stop()))
