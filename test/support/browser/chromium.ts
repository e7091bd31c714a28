/** Debian's Chromium, driven by Playwright: a browser, and a server of a folder of files for it. */
import { Effect, type Scope } from "effect"
import { createReadStream, existsSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { findProgram } from "../vitest/ensurePrograms.js"

/** A headless browser. It ends with the scope. */
export const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: findProgram("chromium")!, // `distributedPrograms.ts` has installed it
      // Chromium has no sandbox as root; it opens only what the test serves.
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    })
  ),
  (opened) => Effect.promise(() => opened.close())
)

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

/** Serves the files of a folder on a free loopback port, `/name` as `/name.html`. Gives its address. */
export const serveFiles = (folder: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => {
        const server = createServer((request, response) => {
          const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname))
          const candidates = [path, `${path}.html`, join(path, "index.html")].filter((name) => extname(name) !== "")
          const file = candidates.map((name) => join(folder, name)).find((name) => existsSync(name))
          if (file === undefined) return response.writeHead(404).end()
          response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
          return createReadStream(file).pipe(response)
        })
        return new Promise<typeof server>((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
  )
