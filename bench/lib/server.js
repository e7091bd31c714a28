/** Redis servers of the benchmark's own: on free ports of the loopback address; they store nothing on disk. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = net.createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    const end = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.on("data", (bytes) => end(bytes.toString().startsWith("+PONG")))
    socket.on("error", () => end(false))
  })

/** On Linux the kernel can end a child with its parent. */
const launcher = existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", "--pdeathsig", "KILL"] : []

export const startServer = async () => {
  const folder = await mkdtemp(join(tmpdir(), "effect-redis-cache-bench-"))
  const port = await freePort()
  const [program, ...args] = [...launcher, "redis-server"]
  const child = spawn(
    program,
    [
      ...args,
      ...["--bind", "127.0.0.1", "--port", port, "--dir", folder, "--databases", 32],
      ...["--save", "", "--appendonly", "no", "--loglevel", "warning"]
    ].map(String),
    { stdio: "ignore" }
  )
  let ended = false
  const exit = new Promise((resolve) => {
    child.once("exit", resolve)
    child.once("error", resolve)
  }).then(() => ended = true)
  process.once("exit", () => child.kill("SIGKILL"))
  for (let tries = 0; !await answers(port); tries++) {
    if (ended || tries > 500) throw new Error("redis-server did not start: is it on the PATH?")
    await sleep(10)
  }
  return {
    pid: child.pid,
    port,
    url: (database) => `redis://127.0.0.1:${port}/${database}`,
    stop: async () => {
      child.kill("SIGKILL")
      await exit
      await rm(folder, { recursive: true, force: true })
    }
  }
}
