/**
 * Between `start` and `stop`, sends a server PING all the time, and reports the longest wait: `node pinger.js <port>`.
 */
import net from "node:net"

const socket = net.connect(Number(process.argv[2]), "127.0.0.1")
let running = false
let began = 0
let worst = 0

const ping = () => {
  began = performance.now()
  socket.write("PING\r\n")
}

socket.setNoDelay(true)
socket.on("connect", () => process.send("ready"))
socket.on("data", () => {
  worst = Math.max(worst, performance.now() - began)
  if (running) ping()
  else process.send(worst)
})

process.on("message", (message) => {
  running = message === "start"
  if (!running) return
  worst = 0
  ping()
})
process.on("disconnect", () => process.exit())
