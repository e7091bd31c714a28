/** What the page's server answers, and to whom. A real browser tests the page itself (`test/distributed/browser`). */
import { HttpApp, HttpRouter } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Schema, Stream } from "effect"
import type { Redis } from "effect-redis-cache"
import { Cache, Codec, RedisLayer } from "effect-redis-cache"
import * as Inspector from "effect-redis-cache/Inspector"
import { createHash } from "node:crypto"
import { generate } from "../../scripts/inspector.js"
import { contentSecurityPolicy, page } from "../../src/internal/inspector/assets.js"
import { until } from "../support/onRedis.js"

const User = Schema.Struct({ name: Schema.String, since: Schema.DateFromString })

const users = Cache.make({ name: "users", schema: User, timeToLive: "10 minutes", valueTags: () => ["team:7"] })

const ada = { name: "Ada <b>", since: new Date(0) }

const origin = "http://127.0.0.1:8080"

type Headers = Readonly<Record<string, string>>

const own: Headers = { origin, "sec-fetch-site": "same-origin" }

/** The page's server, mounted as a service mounts it. */
const served = (options: Omit<Inspector.Options<Redis.Redis>, "caches"> = {}) =>
  Effect.gen(function*() {
    const inspector = yield* Inspector.make({
      caches: [
        Inspector.refreshable(users, (id) => id === "bad" ? Effect.fail(new Error("s3cret")) : Effect.succeed(ada))
      ],
      ...options
    })
    const runtime = yield* Effect.runtime<Redis.Redis>()
    const handler = HttpApp.toWebHandlerRuntime(runtime)(HttpRouter.mount(HttpRouter.empty, "/inspector", inspector))
    const ask = (path: string, init: RequestInit, headers: Headers) =>
      Effect.promise(() =>
        handler(new Request(`${origin}/inspector${path}`, { ...init, headers: { host: "127.0.0.1:8080", ...headers } }))
      )
    return {
      get: (path: string, headers: Headers = { "sec-fetch-site": "same-origin" }) => ask(path, {}, headers),
      post: (path: string, body: unknown, headers: Headers = own) =>
        ask(path, { method: "POST", body: JSON.stringify(body) }, { "content-type": "application/json", ...headers }),
      json: <A = any>(response: Response): Effect.Effect<A> => Effect.promise(() => response.json() as Promise<A>) // as the test expects
    }
  })

const memory = Effect.provide(RedisLayer.layerMemory)

describe("the page", () => {
  it("is what inspector/ builds, and is small", async () => {
    assert.strictEqual(
      await generate(),
      await import("node:fs/promises").then(({ readFile }) =>
        readFile(new URL("../../src/internal/inspector/assets.ts", import.meta.url), "utf8")
      ),
      "run npm run inspector:build"
    )
    assert.isBelow(Buffer.byteLength(page), 150_000)
    assert.include(page, "Copyright (c)", "uPlot's licence")
  }, 30_000)

  it.scopedLive("runs only its own script and style, and cannot be framed", () =>
    Effect.gen(function*() {
      const { get } = yield* served()
      const response = yield* get("/", {})
      const policy = response.headers.get("content-security-policy")!
      assert.strictEqual(policy, contentSecurityPolicy)
      const html = yield* Effect.promise(() => response.text())
      for (const [tag, directive] of [["script", "script-src"], ["style", "style-src"]] as const) {
        const found = [...html.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, "gs"))]
        assert.strictEqual(found.length, 1)
        const hash = createHash("sha256").update(found[0]![1]!).digest("base64")
        assert.include(policy, `${directive} 'sha256-${hash}'`)
      }
      assert.match(policy, /^default-src 'none';/)
      assert.include(policy, "frame-ancestors 'none'")
      assert.notInclude(policy, "unsafe")
      assert.notMatch(html, /(src|href)="(https?:)?\/\//, "nothing of another server")
      assert.strictEqual(response.headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(response.headers.get("cache-control"), "no-store")
      assert.strictEqual(response.headers.get("referrer-policy"), "no-referrer")
    }).pipe(memory))
})

describe("its server", () => {
  it.scopedLive("answers its own page, and no other", () =>
    Effect.gen(function*() {
      const { get, post } = yield* served()
      assert.strictEqual((yield* get("/api/overview")).status, 200)
      const others: ReadonlyArray<Headers> = [
        {},
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "none" },
        { origin: "http://evil.example" }
      ]
      for (const headers of others) assert.strictEqual((yield* get("/api/overview", headers)).status, 403)
      const query = { cache: "users", key: "42" }
      assert.strictEqual((yield* post("/api/key", query)).status, 200)
      // A browser that does not send `Sec-Fetch-Site`.
      assert.strictEqual((yield* post("/api/key", query, { origin })).status, 200)
      const forged: ReadonlyArray<Headers> = [
        {},
        { origin: "http://evil.example" },
        { origin: "null" },
        { origin: `${origin}.evil.example` },
        { origin, "sec-fetch-site": "cross-site" }
      ]
      for (const headers of forged) assert.strictEqual((yield* post("/api/key", query, headers)).status, 403)
      // What a form of another site can send.
      assert.strictEqual((yield* post("/api/key", query, { ...own, "content-type": "text/plain" })).status, 415)
      assert.strictEqual((yield* get("/api/key")).status, 404)
    }).pipe(memory))

  it.scopedLive("answers under the host names that it is given", () =>
    Effect.gen(function*() {
      const { get, post } = yield* served({ hosts: ["127.0.0.1:8080"] })
      assert.strictEqual((yield* get("/", {})).status, 200)
      const rebound = { host: "evil.example", origin: "http://evil.example", "sec-fetch-site": "same-origin" }
      assert.strictEqual((yield* get("/", rebound)).status, 403)
      assert.strictEqual((yield* post("/api/key", { cache: "users", key: "42" }, rebound)).status, 403)
    }).pipe(memory))

  it.scopedLive("refuses requests that the page does not make, and reveals nothing more", () =>
    Effect.gen(function*() {
      const { json, post } = yield* served({ actions: { token: Redacted.make("t") } })
      for (const query of [{}, { cache: "a:b", key: "42" }, { cache: "", key: "42" }, { cache: "users", key: 42 }]) {
        const response = yield* post("/api/key", query)
        assert.strictEqual(response.status, 400)
        assert.deepStrictEqual(yield* json(response), { error: "This is not what the page asks for." })
      }
      const dropped = yield* post("/api/act", { action: "drop", cache: "users" }, { ...own, authorization: "Bearer t" })
      assert.strictEqual(dropped.status, 400)
    }).pipe(memory))
})

describe("actions", () => {
  const keys = ["42"]

  it.scopedLive("do not exist unless they are enabled", () =>
    Effect.gen(function*() {
      yield* Cache.set(users, "42", ada)
      const { json, get, post } = yield* served()
      assert.isFalse((yield* json(yield* get("/api/overview"))).actions)
      for (
        const headers of [own, { ...own, authorization: "Bearer " }, { ...own, authorization: "Bearer undefined" }]
      ) {
        assert.strictEqual((yield* post("/api/act", { action: "delete", cache: "users", keys }, headers)).status, 403)
      }
      assert.isTrue(yield* Cache.has(users, "42"))
    }).pipe(memory))

  it("need a token that is not empty", () => {
    assert.throws(() => Inspector.make({ actions: { token: Redacted.make("") } }), "the token of actions is empty")
  })

  it.scopedLive("need the token, and the same origin as well", () =>
    Effect.gen(function*() {
      yield* Cache.set(users, "42", ada)
      const { post } = yield* served({ actions: { token: Redacted.make("s3cret") } })
      const act = (headers: Headers) =>
        Effect.map(post("/api/act", { action: "delete", cache: "users", keys }, headers), ({ status }) => status)
      assert.strictEqual(yield* act(own), 401)
      assert.strictEqual(yield* act({ ...own, authorization: "Bearer wrong" }), 401)
      assert.strictEqual(yield* act({ ...own, authorization: "Basic s3cret" }), 401)
      assert.strictEqual(yield* act({ origin: "http://evil.example", authorization: "Bearer s3cret" }), 403)
      assert.isTrue(yield* Cache.has(users, "42"))
      assert.strictEqual(yield* act({ ...own, authorization: "Bearer s3cret" }), 200)
      assert.isFalse(yield* Cache.has(users, "42"))
    }).pipe(memory))

  it.scopedLive("do what they say, and reveal no secrets if they fail", () =>
    Effect.gen(function*() {
      const { json, post } = yield* served({ actions: { token: Redacted.make("t") } })
      const act = (body: object) => post("/api/act", body, { ...own, authorization: "Bearer t" })
      const done = (body: object) =>
        Effect.flatMap(Effect.flatMap(act(body), json), ({ done }) => Effect.succeed(done as number))
      assert.strictEqual(yield* done({ action: "refresh", cache: "users", keys }), 1)
      assert.deepStrictEqual(yield* Cache.get(users, "42"), Option.some(ada))
      const failed = yield* act({ action: "refresh", cache: "users", keys: ["bad"] })
      assert.strictEqual(failed.status, 502)
      const { error } = yield* json<{ readonly error: string }>(failed)
      assert.include(error, "The load of bad failed: Error.")
      assert.notInclude(error, "s3cret")
      assert.strictEqual((yield* act({ action: "refresh", cache: "others", keys })).status, 400)

      assert.strictEqual(yield* done({ action: "expire", cache: "users", keys }), 1)
      assert.strictEqual((yield* Cache.explain(users, "42")).state, "Stale")
      yield* Cache.set(users, "42", ada)
      yield* done({ action: "invalidate", cache: "users", tags: ["team:7"] })
      assert.strictEqual((yield* Cache.explain(users, "42")).state, "Invalidated")
      yield* Cache.set(users, "42", ada)
      assert.strictEqual(yield* done({ action: "flush", cache: "users" }), 1)
      assert.isFalse(yield* Cache.has(users, "42"))
    }).pipe(memory))
})

describe("the page receives", () => {
  it.scopedLive("a value as its definition reads it, or without one as its bytes show", () =>
    Effect.gen(function*() {
      yield* Cache.set(users, "42", ada)
      const notes = Cache.make({ name: "notes", codec: Codec.structural<unknown>() })
      yield* Cache.set(notes, "n", { at: new Date(0), all: new Map([["a", [1n, undefined, -0]]]) })
      const { json, post } = yield* served()
      const look = (cache: string, key: string) =>
        Effect.flatMap(post("/api/key", { cache, key }), (response) => json(response))
      const user = yield* look("users", "42")
      assert.strictEqual(user.decodedBy, "definition")
      assert.deepStrictEqual(user.value, {
        type: "object",
        entries: [["name", { type: "string", text: "Ada <b>" }], ["since", {
          type: "Date",
          text: "1970-01-01T00:00:00.000Z"
        }]]
      })
      assert.deepStrictEqual(user.windows, { fresh: 600_000, staleWhileRevalidate: 0, staleIfError: 0 })
      assert.deepInclude(user.tags[0], { name: "team:7", holds: true })
      assert.deepStrictEqual(user.header.map((field: { readonly name: string }) => field.name), [
        ...["format", "flags", "version", "write id", "fresh until", "load time", "tags", "tag", "epoch"]
      ])
      const note = yield* look("notes", "n")
      assert.strictEqual(note.decodedBy, "bytes")
      assert.deepStrictEqual(note.value.entries[1], ["all", {
        type: "Map",
        entries: [["\"a\"", {
          type: "array",
          entries: [["0", { type: "bigint", text: "1n" }], ["1", { type: "undefined", text: "undefined" }], ["2", {
            type: "number",
            text: "-0"
          }]]
        }]]
      }])
      assert.strictEqual((yield* look("users", "absent")).state, "Missing")
    }).pipe(memory))

  it.scopedLive("keys in pages, each once, whatever characters they contain", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 230 }, (_, i) => `key ${i}`).concat("<script>", "a/b?c#d", "{42}", "")
      yield* Cache.setMany(users, names.map((name) => [name, ada] as const))
      const { json, post } = yield* served()
      const seen: Array<string> = []
      let list: string | undefined
      do {
        const page: { readonly rows: ReadonlyArray<{ readonly text: string }>; readonly list: string | null } =
          yield* Effect
            .flatMap(post("/api/keys", { cache: "users", count: 50, ...(list === undefined ? {} : { list }) }), json)
        seen.push(...page.rows.map(({ text }) => text))
        list = page.list ?? undefined
      } while (list !== undefined)
      assert.deepStrictEqual(seen.sort(), [...names].sort())
      const some = yield* Effect.flatMap(post("/api/keys", { cache: "users", startsWith: "<" }), json)
      assert.deepStrictEqual(some.rows.map(({ text }: { readonly text: string }) => text), ["<script>"])
    }).pipe(memory))

  it.scopedLive("figures of this process, if no process publishes", () =>
    Effect.gen(function*() {
      const { get, json } = yield* served({ title: "shop" })
      yield* Cache.getOrSet(users, "42", Effect.succeed(ada))
      yield* until(Effect.gen(function*() {
        yield* Cache.getOrSet(users, "42", Effect.succeed(ada))
        const { caches, title } = yield* Effect.flatMap(get("/api/overview"), json)
        const [found] = caches
        assert.strictEqual(title, "shop")
        return found.name === "users" && found.rates !== null && found.rates.hits > 0 &&
          found.policy.timeToLive === "10 minutes"
      }))
    }).pipe(memory), 20_000)

  it.scopedLive("changes as they happen, starting with those that it missed", () =>
    Effect.gen(function*() {
      const { get } = yield* served()
      const heard = (headers: Headers) =>
        Stream.unwrap(
          Effect.map(get("/api/events", headers), (response) => Stream.fromReadableStream(() => response.body!, String))
        ).pipe(
          Stream.decodeText(),
          Stream.splitLines,
          Stream.filter((line) => line.startsWith("data: ") || line.startsWith("id: "))
        )
      const site = { "sec-fetch-site": "same-origin" }
      const first = yield* Effect.fork(
        Stream.runCollect(Stream.takeUntil(heard(site), (line) => line.includes("written")))
      )
      yield* until(Effect.map(Cache.set(users, "42", ada), () => first.unsafePoll() !== null))
      const lines = [...(yield* first)]
      assert.match(lines.join("\n"), /"what":"written","cache":"users","key":"42","text":"42"/)
      const [last] = lines.filter((line) => line.startsWith("id: ")).slice(-1)
      yield* Cache.delete(users, "42")
      const next = yield* Stream.runHead(
        Stream.filter(heard({ ...site, "last-event-id": last!.slice(4) }), (line) => line.includes("gone"))
      )
      assert.include(Option.getOrThrow(next), "\"key\":\"42\"")
    }).pipe(memory), 20_000)
})
