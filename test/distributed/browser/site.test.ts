/** The documentation's site in a real browser, without a network: every page, on a desktop and on a phone. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Page } from "playwright-core"
import { pages } from "../../../docs/.vitepress/pages.js"
import * as Chromium from "../../support/browser/chromium.js"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const links = ["/", "/api/", "/api/Memo", ...pages.flatMap(({ items }) => items.map(({ link }) => link))]

const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const

interface Shown {
  readonly heading: string
  /** By how many pixels the page is wider than the window. */
  readonly overflow: number
  readonly brokenPictures: number
}

/** Source text for the browser: there is no document here. */
const look = `({
  heading: document.querySelector("h1")?.textContent ?? "",
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  brokenPictures: [...document.images].filter((image) => image.complete && image.naturalWidth === 0).length
})`

/** Errors on a page, and its requests to the network. */
const listenTo = (page: Page, site: string): ReadonlyArray<string> => {
  const told: Array<string> = []
  page.on("pageerror", (error) => told.push(`${page.url()} ${error.message}`))
  page.on("response", (response) => {
    if (response.status() >= 400) told.push(`${page.url()} asks for ${response.url()}, which is not there`)
  })
  page.on("request", (request) => {
    if (!request.url().startsWith(site) && !request.url().startsWith("data:")) {
      told.push(`${request.url()} is elsewhere`)
    }
  })
  return told
}

describe("The site", () => {
  it.scopedLive(
    "shows every page in full on a desktop and on a phone, and searches without a network",
    () =>
      Effect.gen(function*() {
        // The test ends at a link that leads nowhere.
        yield* Effect.promise(() => promisify(execFile)("npm", ["run", "--silent", "docs"], { cwd: root }))
        const site = yield* Chromium.serveFiles(`${root}docs/.vitepress/dist`)
        const browser = yield* Chromium.browser

        for (const [device, viewport] of Object.entries(sizes)) {
          const page = yield* Effect.promise(() => browser.newPage({ viewport }))
          const told = listenTo(page, site)
          for (const link of links) {
            yield* Effect.promise(() => page.goto(`${site}${link}`, { waitUntil: "networkidle" }))
            const { brokenPictures, heading, overflow } = yield* Effect.promise(() => page.evaluate<Shown>(look))
            assert.isNotEmpty(heading, `${link} has a heading`)
            assert.isAtMost(overflow, 0, `${link} fits a ${device}`)
            assert.strictEqual(brokenPictures, 0, `${link} has its pictures`)
          }
          assert.deepStrictEqual(told, [], device)
          yield* Effect.promise(() => page.close())
        }

        const page = yield* Effect.promise(() => browser.newPage({ viewport: sizes.desktop }))
        yield* Effect.promise(async () => {
          await page.goto(`${site}/getting-started`, { waitUntil: "networkidle" })
          await page.keyboard.press("Control+k")
          await page.locator("#localsearch-input").fill("staleIfError")
          await page.locator(".VPLocalSearchBox .result").first().click()
          await page.waitForURL(/\/(guides|reference|coming-from|api)\//)
          assert.include(await page.locator("main").textContent(), "staleIfError")
        })
      }),
    180_000
  )
})
