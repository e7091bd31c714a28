/** The picture of the demo: drawn as a terminal shows it, from the demo's current output. */
import { assert, describe, it } from "@effect/vitest"
import { readFile } from "node:fs/promises"
import { draw, telling } from "../../scripts/demo-picture.js"

const rows = (svg: string): ReadonlyArray<string> => svg.split("\n").filter((line) => line.startsWith("  <text"))

describe("the picture of the demo", () => {
  it("shows text as text, colours as classes, and wraps like a terminal", () => {
    const [styled, first, second, ...others] = rows(draw(["a < b & \u001b[31mbad\u001b[39m", "", "x".repeat(142)]))
    assert.include(styled, ">a &lt; b &amp; <tspan class=\"bad\">bad</tspan></text>")
    assert.include(first, `>${"x".repeat(132)}</text>`)
    assert.include(second, `>${"x".repeat(10)}</text>`)
    assert.deepStrictEqual(others, [])
  })

  it("fails if the demo did not print what the picture shows", () => {
    assert.throws(() => telling("nothing"), /did not print .*requests/)
  })

  it("is small, and contains only text", async () => {
    const svg = await readFile(new URL("../../docs/pictures/demo.svg", import.meta.url), "utf8")
    assert.isBelow(svg.length, 200_000)
    assert.notMatch(svg, /<script|href|<image|\u001b/)
    assert.match(svg, /The cache took p50 from/)
    assert.match(svg, /then the cache was back, without anybody's help/)
  })
})
