/**
 * Real Redis servers for tests. Each is a child of this process, on a port of its own of the loopback address, and
 * stores nothing on disk.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tls from "node:tls"
import { endServer, serve, type Served, serveSomewhere } from "./processes/serve.js"
import { signal as send } from "./processes/signal.js"

export interface RedisOptions {
  /** The default user's. */
  readonly password?: string | undefined
  /** Lines of an ACL file (`user alice on >secret ~* +@all`). Redis then ignores `password`. */
  readonly acl?: ReadonlyArray<string> | undefined
  /** TLS only, with a certificate of its own for `localhost` and `127.0.0.1`. */
  readonly tls?: boolean | undefined
  /** Makes it a sentinel, with this configuration file. */
  readonly sentinel?: string | undefined
  /** More command line arguments: `["--maxmemory", "2mb"]`. */
  readonly args?: ReadonlyArray<string> | undefined
}

export interface RedisServer {
  readonly port: number
  /** With the password, if there is one: `redis://:secret@127.0.0.1:6543`. */
  readonly url: string
  /** The certificate to trust (PEM), if the server speaks TLS. */
  readonly ca: string | undefined
  /** A restart changes it. */
  readonly pid: number
  /** Ends the server for good and removes its folder. You may call it twice. */
  readonly stop: () => Promise<void>
  /** Ends the process, with `SIGKILL` by default, and waits until it is gone. `restart` starts it again. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** `SIGSTOP`: the kernel still accepts connections and bytes, but nothing answers. */
  readonly pause: () => void
  /** `SIGCONT`. */
  readonly resume: () => void
  /** An empty server on the same port. */
  readonly restart: () => Promise<void>
}

const tlsArguments = "--tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file cert.pem --tls-auth-clients no"
  .split(" ")

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

  const served = (port: number): Served => ({
    command: [
      "redis-server",
      ...(options.sentinel === undefined
        ? ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        : [options.sentinel, "--sentinel", "--bind", "127.0.0.1"]),
      ...(ca === undefined ? ["--port", `${port}`] : ["--port", "0", "--tls-port", `${port}`, ...tlsArguments]),
      ...(options.password === undefined ? [] : ["--requirepass", options.password]),
      ...(options.acl === undefined ? [] : ["--aclfile", "users.acl"]),
      ...options.args ?? []
    ],
    folder,
    serves: () => answers(port, ca)
  })
  const removeFolder = () => rm(folder, { recursive: true, force: true })

  let { child, port } = await serveSomewhere("redis-server", served).catch(async (error) => {
    await removeFolder()
    throw error
  })

  const kill = (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => endServer(child, signal)

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
      await removeFolder()
    },
    pause: () => send(child, "SIGSTOP"),
    resume: () => send(child, "SIGCONT"),
    restart: async () => {
      await kill()
      const outcome = await serve(served(port))
      if (typeof outcome === "string") throw new Error(`redis-server did not start again: ${outcome}`)
      child = outcome
    }
  }
}

/** A server that lives as long as the scope: `const server = yield* RedisServer.make({ password: "secret" })`. */
export const make = (options?: RedisOptions): Effect.Effect<RedisServer, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => startRedis(options)), (server) => Effect.promise(() => server.stop()))
