/** Checks in every test file's process that the requested runtime runs it, and that no timer is set into the past. */

const { bun, deno, node } = process.versions as Record<string, string | undefined> // other runtimes' versions are not in the type

const runtime = deno !== undefined ? "deno" : bun !== undefined ? "bun" : `node${node!.split(".")[0]}`

const wanted = process.env.TEST_RUNTIME

if (wanted !== undefined && wanted !== runtime) throw new Error(`these tests are for ${wanted}, and this is ${runtime}`)

// Node warns of it since version 21, once a process; this may run once a file.
const tooEarly = "TimeoutNegativeWarning"
if (!process.listeners("warning").some(({ name }) => name === tooEarly)) {
  const listener = (warning: Error): void => {
    if (warning.name === tooEarly) throw warning
  }
  process.on("warning", Object.defineProperty(listener, "name", { value: tooEarly }))
}
