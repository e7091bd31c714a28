/** A short deterministic run of the fuzzer, and the proof that it finds bugs. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { Fuzzer } from "./engine.js"
import { instrument, type Instrumented, type Mutant } from "./instrument.js"
import { checkShared, targets } from "./targets.js"

const seed = 20_260_101

/** Roughly what each target runs in a quarter of a second. */
const executions: Readonly<Record<string, number>> = {
  "entry": 5_000,
  "structural": 2_000,
  "structural values": 400,
  "json": 1_000,
  "compressed": 1_200,
  "encrypted": 1_000,
  "counter": 5_000,
  "structured keys": 200,
  "string keys": 5_000,
  "url": 5_000,
  "cache": 40
}

/** Planted bugs, each for a different target to find. */
const planted: Readonly<Record<string, Mutant>> = {
  "entry": { file: "internal/entry/format.ts", from: "{ ignoreBOM: true }", to: "{}" },
  "encrypted": {
    file: "internal/codec/encrypted.ts",
    from: "import { toBytes } from \"./utf8.js\"",
    to: "const toBytes = (text: string) => Buffer.from(text.includes(\":\") ? \"\" : text) // not bound to the key"
  },
  "structured keys": { file: "internal/key/canonical.ts", from: "`Set(${", to: "`Map(${" },
  "string keys": { file: "internal/key/encode.ts", from: "%(?=7B|7D|25)/g", to: "%(?=7B|7D)/g" },
  "url": { file: "internal/redis/connection/url.ts", from: "} catch {\n    return undefined", to: "} finally {" }
}

const fuzzersOf = ({ hits, library }: Instrumented) => targets(library).map((target) => new Fuzzer(target, hits, seed))

describe("the fuzzer", () => {
  let sound: Instrumented
  let mutated: Instrumented

  beforeAll(async () => {
    sound = await instrument()
    mutated = await instrument(Object.values(planted))
  }, 60_000)

  afterAll(() => {
    sound.remove()
    mutated.remove()
  })

  it("finds nothing in the code that reads bytes, and nothing in the code that makes keys", () => {
    for (const fuzzer of fuzzersOf(sound)) {
      const finding = fuzzer.run(executions[fuzzer.target.name]!)
      if (finding !== undefined) {
        assert.fail(`${finding.target}: ${String(finding.error)}: ${Buffer.from(finding.input).toString("hex")}`)
      }
      // It went further than its seeds did.
      assert.isAbove(fuzzer.figures.corpus, fuzzer.target.seeds.length + 1, fuzzer.target.name)
      checkShared()
    }
  }, 60_000)

  it("gives the same run for the same seed", () => {
    const run = () => {
      const [fuzzer] = fuzzersOf(sound)
      fuzzer!.run(1_000)
      return [fuzzer!.figures.corpus, fuzzer!.figures.met]
    }
    assert.deepStrictEqual(run(), run())
  })

  for (const [name, { file }] of Object.entries(planted)) {
    it(`finds the planted bug in ${file}, and a short input for it`, () => {
      const fuzzer = fuzzersOf(mutated).find(({ target }) => target.name === name)!
      const finding = fuzzer.run(50_000)
      assert.isDefined(finding)
      assert.isBelow(finding.input.length, 64)
    }, 60_000)
  }
})
