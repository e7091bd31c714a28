/** A short soak, so that it is known to work when you run it for ten minutes. */
import { assert, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const soak = fileURLToPath(new URL("../../soak/soak.ts", import.meta.url))

it(
  "the soak runs for a while, checks the invariants, and ends",
  { timeout: 120_000 },
  async () => {
    const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve) => {
      const child = spawn(process.execPath, ["--import", "tsx", soak, "--minutes", "0.3"], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      let output = ""
      child.stdout.on("data", (bytes) => (output += bytes))
      child.stderr.on("data", (bytes) => (output += bytes))
      child.on("close", (code) => resolve({ code, output }))
    })
    console.log(output)
    assert.strictEqual(code, 0)
    assert.match(output, /^\d+ passed, 0 failed\n*$/m)
  }
)
