/** The page on speed shows the figures of the bench's last full run. */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

interface Figures {
  readonly latest: URL
  readonly page: URL
  readonly withFigures: (page: string, document: unknown) => string
}

it("shows the figures of the last full run", async () => {
  const module: string = new URL("../../bench/lib/figures.js", import.meta.url).href
  const { latest, page, withFigures }: Figures = await import(module)
  const text = readFileSync(page, "utf8")
  assert.strictEqual(text, withFigures(text, JSON.parse(readFileSync(latest, "utf8"))))
})
