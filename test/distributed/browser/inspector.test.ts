/**
 * The inspector's page in a real browser, on a real Redis under load. Its screenshots are the documentation's pictures.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cache } from "effect-redis-cache"
import { mkdir, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { browser } from "../../support/browser/chromium.js"
import { freePort } from "../../support/freePort.js"
import { until } from "../../support/onRedis.js"
import * as RedisServer from "../../support/redisServer.js"
import { hostileKey, hostileText, open, users } from "./shop.js"

const pictures = new URL("../../../docs/pictures/", import.meta.url)

const token = "correct-horse"

/** A page, and every error that occurred in it. */
const pageOf = (opened: Browser, options: { readonly width?: number; readonly dark?: boolean } = {}) =>
  Effect.promise(async () => {
    const page = await opened.newPage({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.dark === true ? "dark" : "light",
      deviceScaleFactor: 1
    })
    page.setDefaultTimeout(20_000)
    const problems: Array<string> = []
    const urls: Array<string> = []
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text())
    })
    page.on("pageerror", (error) => problems.push(error.message))
    page.on("request", (request) => urls.push(request.url()))
    return { page, problems, urls }
  })

const shop = (options: Parameters<typeof open>[2] = {}) =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make({ args: ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu"] })
    const port = yield* Effect.promise(() => freePort())
    const opened = yield* open(server.url, port, options)
    return { ...opened, server }
  })

const see = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor({ timeout: 20_000 })

describe("the inspector's page", () => {
  it.scopedLive(
    "shows caches, keys, a key, tags and events, and needs nothing but itself",
    () =>
      Effect.gen(function*() {
        const { run, url } = yield* shop({ readers: 2 })
        const { page, problems, urls } = yield* Effect.flatMap(browser, (opened) => pageOf(opened))
        yield* Effect.promise(async () => {
          await page.goto(url)
          await see(page, "prices: its source is failing")
          await page.getByRole("row", { name: /^users/ }).getByText("healthy").waitFor()
          await page.locator(".uplot canvas").nth(3).waitFor()
          await page.getByRole("row", { name: /checkout-5d8f6/ }).waitFor()

          // By keyboard alone: a cache, and one of its keys.
          await page.keyboard.press("/")
          await page.keyboard.type("users")
          await page.getByRole("option", { name: /users.*cache/ }).waitFor()
          await page.keyboard.press("Enter")
          await page.getByRole("heading", { level: 1, name: "users" }).waitFor()
          await see(page, /Entries are fresh for 10 minutes, serve for 1 hour more/)
          await page.getByRole("searchbox", { name: "Keys that start with" }).fill("42")
          await page.getByRole("link", { name: "42", exact: true }).click()
          await see(page, /^Readers get it, for another/)
          await see(page, "user-42")
          await see(page, "decoded by its definition")
          await see(page, "magic and format 1")
          // As a Date, which JSON cannot express.
          await see(page, "2026-03-14T03:31:52.000Z")
        })
        yield* run(Cache.invalidateTags(users, ["team:7"]))
        yield* Effect.promise(async () => {
          await page.getByRole("button", { name: "Look again" }).click()
          await see(page, /^Absent to readers: the tag team:7 changed since it was written/)
          await page.keyboard.press("e")
          await page.getByRole("heading", { level: 1, name: "Events" }).waitFor()
          await page.getByRole("row", { name: /written/ }).first().waitFor()
          await page.keyboard.press("p")
          await page.getByRole("button", { name: /^Go on/ }).waitFor()
          await page.keyboard.press("o")
          await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
        })
        assert.deepStrictEqual(problems, [])
        for (const asked of urls) {
          assert.isTrue(asked.startsWith(url) || asked.startsWith("data:"), asked)
          assert.notMatch(decodeURIComponent(asked), /42|users|team/, "a key in a URL")
        }
      }),
    90_000
  )

  it.scopedLive("shows keys and values that contain markup as text", () =>
    Effect.gen(function*() {
      const { url } = yield* shop({ readers: 0 })
      const { page, problems } = yield* Effect.flatMap(browser, (opened) => pageOf(opened))
      yield* Effect.promise(async () => {
        await page.goto(`${url}#/cache/users`)
        await page.getByRole("link", { name: hostileKey }).click()
        await page.getByText(JSON.stringify(hostileText)).waitFor()
        assert.strictEqual(await page.locator("h1").textContent(), `users:${hostileKey}`)
        assert.notStrictEqual(await page.title(), "owned")
        assert.strictEqual(await page.locator("main img, main script").count(), 0)
        await page.reload()
        await page.getByText(JSON.stringify(hostileText)).waitFor()
      })
      assert.deepStrictEqual(problems, [])
    }), 60_000)

  it.scopedLive(
    "changes nothing without actions, and with them only for callers that know the token",
    () =>
      Effect.gen(function*() {
        const locked = yield* shop({ readers: 0 })
        const unlocked = yield* shop({ readers: 0, token })
        const opened = yield* browser
        const reader = yield* pageOf(opened)
        yield* Effect.promise(async () => {
          await reader.page.goto(`${locked.url}#/key/users/42`)
          await reader.page.getByRole("button", { name: "Delete" }).click({ force: true }) // it says that it is disabled
          await see(reader.page, /Read-only\. To allow actions/)
        })
        assert.isTrue(Option.isSome(yield* locked.run(Cache.get(users, "42"))))

        const { page } = yield* pageOf(opened)
        const confirm = async (verb: string, typed: string | undefined) => {
          await page.getByRole("button", { name: verb, exact: true }).first().click()
          if (typed !== undefined) await page.getByLabel(/^Token/).fill(typed)
          await page.getByRole("dialog").getByRole("button", { name: verb }).click()
        }
        yield* Effect.promise(async () => {
          await page.goto(`${unlocked.url}#/key/users/42`)
          await confirm("Delete", "wrong")
          await see(page, /The token is missing, or is not the one/)
        })
        assert.isTrue(Option.isSome(yield* unlocked.run(Cache.get(users, "42"))))
        yield* Effect.promise(async () => {
          await confirm("Delete", token)
          await see(page, "No such key")
        })
        assert.isTrue(Option.isNone(yield* unlocked.run(Cache.get(users, "42"))))
        yield* Effect.promise(async () => {
          // It is asked for once.
          await confirm("Refresh", undefined)
          await see(page, /^Readers get it, for another/)
        })
        yield* until(Effect.map(unlocked.run(Cache.get(users, "42")), Option.isSome))
        yield* Effect.promise(async () => {
          await confirm("Expire", undefined)
          await see(page, /^Reads miss it; loads may serve it/)
          await page.goto(`${unlocked.url}#/cache/users`)
          await confirm("Flush", undefined)
          await see(page, /^Flushed/)
        })
        assert.isTrue(Option.isNone(yield* unlocked.run(Cache.get(users, hostileKey))))
      }),
    90_000
  )

  it.scopedLive("says so if Redis is unreachable, and shows nothing that it cannot know", () =>
    Effect.gen(function*() {
      const { server, url } = yield* shop({ readers: 1 })
      const { page } = yield* Effect.flatMap(browser, (opened) => pageOf(opened))
      yield* Effect.promise(async () => {
        await page.goto(url)
        await see(page, "prices: its source is failing")
        server.pause()
        await see(page, /^Redis does not answer since/)
        await page.getByRole("link", { name: /users/ }).first().click()
        await see(page, "Keys cannot be listed")
        server.resume()
        await page.keyboard.press("o")
        await page.getByText(/^Redis does not answer since/).waitFor({ state: "detached", timeout: 20_000 })
      })
    }), 90_000)

  it.scopedLive("takes the documentation's pictures", () =>
    Effect.gen(function*() {
      const { run, url } = yield* shop({ readers: 3 })
      const opened = yield* browser
      const take = (
        name: string,
        hash: string,
        options: Parameters<typeof pageOf>[1],
        wait: (page: Page) => Promise<void>
      ) =>
        Effect.gen(function*() {
          const { page, problems } = yield* pageOf(opened, options)
          yield* Effect.promise(async () => {
            await page.goto(url + hash)
            await wait(page)
            await page.mouse.move(0, 0)
            await page.waitForTimeout(500)
            await mkdir(pictures, { recursive: true })
            await writeFile(fileURLToPath(new URL(name, pictures)), await page.screenshot())
            const overflow = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert.isFalse(overflow, `${name} is wider than its window`)
            await page.close()
          })
          assert.deepStrictEqual(problems, [])
        })
      const figures = async (page: Page) => {
        await see(page, "prices: its source is failing")
        await page.waitForTimeout(15_000)
      }
      yield* take("inspector-overview.png", "#/", {}, figures)
      yield* run(Cache.invalidateTags(users, ["team:7"]))
      yield* take("inspector-key.png", "#/key/users/4207", { dark: true }, (page) => see(page, "user-4207"))
      for (const width of [390, 768]) {
        for (const hash of ["#/", "#/cache/users", "#/key/users/42", "#/events"]) {
          const { page } = yield* pageOf(opened, { width })
          yield* Effect.promise(async () => {
            await page.goto(url + hash)
            await page.getByRole("heading", { level: 1 }).waitFor()
            await page.waitForTimeout(500)
            assert.isFalse(
              await page.evaluate("document.documentElement.scrollWidth > innerWidth"),
              `${hash} at ${width}`
            )
            await page.close()
          })
        }
      }
    }), 120_000)
})
