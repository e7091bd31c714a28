/** `inspect` as a process of its own, on a real Redis: whom it answers, what it answers, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, type Scope } from "effect"
import { Cache, RedisLayer } from "effect-redis-cache"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { type IncomingMessage, request } from "node:http"
import { type AddressInfo, createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { freePort } from "../support/freePort.js"
import { until } from "../support/onRedis.js"
import { bundle } from "../support/processes/bundle.js"
import { sharedRedisUrl, uniquePrefix } from "../support/sharedRedis.js"
import { run } from "./terminal.js"

const bin = fileURLToPath(new URL("../../cli/src/bin.ts", import.meta.url))

const users = Cache.make({ name: "users", timeToLive: "10 minutes" })

interface Spawned {
  readonly process: ChildProcess
  readonly prefix: string
  /** Everything printed so far, once it contains this text. */
  readonly printed: (what: RegExp) => Effect.Effect<{ readonly out: string; readonly err: string }>
}

/** Runs until the scope closes. */
const spawned = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Spawned, never, Scope.Scope> =>
  Effect.gen(function*() {
    const prefix = uniquePrefix()
    const file = yield* bundle(bin)
    const process = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(globalThis.process.execPath, [file, "inspect", ...args], {
          env: { ...globalThis.process.env, REDIS_URL: sharedRedisUrl(), REDIS_PREFIX: prefix, ...env },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let out = ""
    let err = ""
    process.stdout.on("data", (bytes) => (out += bytes))
    process.stderr.on("data", (bytes) => (err += bytes))
    const printed: Spawned["printed"] = (what) =>
      Effect.map(until(Effect.sync(() => what.test(out + err))), () => ({ out, err }))
    return { process, prefix, printed }
  })

/** One that prints where it listens in the form for scripts. */
const start = (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const { prefix, printed, process } = yield* spawned(["--json", ...args], env)
    const { out } = yield* printed(/}\n$/)
    const { token, url }: { readonly token?: string; readonly url: string } = JSON.parse(out)
    return { process, url, token, on: Effect.provide(RedisLayer.layer({ url: sharedRedisUrl(), prefix })) }
  })

interface Answer {
  readonly status: number
  readonly text: string
}

/** Sends any header, including those that `fetch` would not send. */
const ask = (
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown
): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const asked = request(new URL(path, url), {
      method: text === undefined ? "GET" : "POST",
      headers: {
        "sec-fetch-site": "same-origin",
        origin: new URL(url).origin,
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      }
    }, (response) => {
      let all = ""
      response.on("data", (some) => (all += some))
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode!, text: all })))
    })
    asked.on("error", (error) => resume(Effect.die(error)))
    asked.end(text)
  })

describe("inspect", () => {
  it.scopedLive("serves the page and its data on loopback, and under no other host name", () =>
    Effect.gen(function*() {
      const { on, token, url } = yield* start()
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
      assert.isUndefined(token)
      yield* on(Cache.set(users, "42", { name: "Ada" }))
      assert.match((yield* ask(url, "/")).text, /^<!doctype html>.*<script>/s)
      const overview = JSON.parse((yield* ask(url, "/api/overview")).text)
      assert.deepInclude(overview, { actions: false })
      assert.strictEqual(overview.caches[0].name, "users")
      const key = yield* ask(url, "/api/key", {}, { cache: "users", key: "42" })
      assert.deepInclude(JSON.parse(key.text), { state: "Fresh", text: "42" })

      const local = new URL(url)
      local.hostname = "localhost"
      const known = { host: local.host, origin: local.origin }
      assert.strictEqual((yield* ask(url, "/api/overview", known)).status, 200)
      const rebound = { host: `evil.example:${local.port}`, origin: `http://evil.example:${local.port}` }
      for (const path of ["/", "/api/overview", "/api/events"]) {
        assert.strictEqual((yield* ask(url, path, rebound)).status, 403, path)
      }
      const other = yield* ask(url, "/api/key", { origin: "http://evil.example" }, { cache: "users", key: "42" })
      assert.strictEqual(other.status, 403)
      const deleted = yield* ask(url, "/api/act", {}, { action: "delete", cache: "users", keys: ["42"] })
      assert.strictEqual(deleted.status, 403)
      assert.isTrue(yield* on(Cache.has(users, "42")))
    }), 30_000)

  it.scopedLive(
    "changes something only for callers that know the token: a random one, or INSPECTOR_TOKEN",
    () =>
      Effect.gen(function*() {
        const random = yield* start(["--actions"])
        assert.match(random.token!, /^[\w-]{24}$/)
        const given = yield* start(["--actions"], { INSPECTOR_TOKEN: "correct-horse" })
        assert.isUndefined(given.token, "it is known already")
        for (const [{ on, url }, token] of [[random, random.token!], [given, "correct-horse"]] as const) {
          yield* on(Cache.set(users, "42", "Ada"))
          assert.isTrue(JSON.parse((yield* ask(url, "/api/overview")).text).actions)
          const act = (headers: Readonly<Record<string, string>>) =>
            Effect.map(
              ask(url, "/api/act", headers, { action: "delete", cache: "users", keys: ["42"] }),
              ({ status }) => status
            )
          assert.strictEqual(yield* act({}), 401)
          assert.strictEqual(yield* act({ authorization: "Bearer wrong" }), 401)
          assert.isTrue(yield* on(Cache.has(users, "42")))
          assert.strictEqual(yield* act({ authorization: `Bearer ${token}` }), 200)
          assert.isFalse(yield* on(Cache.has(users, "42")))
        }
      }),
    30_000
  )

  it.scopedLive(
    "listens on the address and host names that it is given, and finishes its answers on Ctrl-C",
    () =>
      Effect.gen(function*() {
        const port = yield* Effect.promise(() => freePort())
        const { process, url } = yield* start([
          "--port",
          `${port}`,
          "--host",
          "0.0.0.0",
          "--name",
          "Caches.example.com"
        ])
        assert.isTrue(url.endsWith(`:${port}/`))
        const here = `http://127.0.0.1:${port}`
        const overview = (host: string) =>
          Effect.map(ask(here, "/api/overview", { host, origin: `http://${host}` }), ({ status }) => status)
        assert.strictEqual(yield* overview(new URL(url).host), 200)
        assert.strictEqual(yield* overview(`127.0.0.1:${port}`), 200)
        assert.strictEqual(yield* overview("caches.example.com"), 200)
        assert.strictEqual(yield* overview(`evil.example:${port}`), 403)

        const events = yield* Effect.async<IncomingMessage>((resume) => {
          const headers = { "sec-fetch-site": "same-origin" }
          request(`${here}/api/events`, { headers }, (response) => resume(Effect.succeed(response))).end()
        })
        const cutOff = once(events, "error")
        events.resume()
        process.kill("SIGINT")
        const [code] = yield* Effect.promise(() => once(process, "exit"))
        assert.strictEqual(code, 0)
        yield* Effect.promise(() => cutOff)
        assert.isFalse(events.complete)
      }),
    30_000
  )

  it.scopedLive("says why it cannot start", () =>
    Effect.gen(function*() {
      const taken = createServer()
      yield* Effect.acquireRelease(
        Effect.promise(() => once(taken.listen(0, "127.0.0.1"), "listening")),
        () => Effect.sync(() => taken.close())
      )
      const { port } = taken.address() as AddressInfo // it listens on a port
      const told = (...args: ReadonlyArray<string>) => run(["inspect", "--url", sharedRedisUrl(), ...args])
      assert.deepStrictEqual(yield* told("--port", `${port}`), {
        code: 2,
        out: "",
        err: `port ${port} of 127.0.0.1 is taken: give another --port, or none for one that is free`
      })
      assert.match((yield* told("--host", "192.0.2.1")).err, /^192\.0\.2\.1 is not an address of this machine/)
      assert.match((yield* told("--port", "70000")).err, /^--port is 0 to 65535/)
      const empty = ConfigProvider.fromMap(new Map([["INSPECTOR_TOKEN", ""]]))
      assert.deepStrictEqual(yield* Effect.withConfigProvider(told("--actions"), empty), {
        code: 2,
        out: "",
        err: "INSPECTOR_TOKEN is empty: put a token into it, or unset it for a random one"
      })
      const unreached = yield* run(["inspect", "--url", "redis://localhost:1", "--timeout", "1 second"])
      assert.strictEqual(unreached.code, 3)
    }))

  it.scopedLive("prints where the page is, what it may do, and whom it is open to", () =>
    Effect.gen(function*() {
      const open = yield* spawned(["--host", "0.0.0.0", "--actions"])
      const { err, out } = yield* open.printed(/has no login/)
      assert.match(
        out,
        /^http:\/\/\S+:\d+\/ shows the caches of redis:\/\/.*\n.*With this token [^:]*: [\w-]{24}\nCtrl-C ends it\.\n$/
      )
      assert.match(err, /^The page has no login: anyone that can reach 0\.0\.0\.0 sees what the caches hold/)
      const alone = yield* spawned([])
      const told = yield* alone.printed(/Ctrl-C/)
      assert.match(told.out, /^http:\/\/127\.0\.0\.1:\d+\/ .*\nIt only reads; with --actions/)
      assert.strictEqual(told.err, "")
    }), 30_000)
})
