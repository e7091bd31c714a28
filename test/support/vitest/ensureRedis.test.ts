/** What becomes of a machine on which a test run finds no Redis. All programs are stubs, in a folder that is the PATH. */
import { assert, describe, it } from "@effect/vitest"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import { ensureRedis } from "./ensureRedis.js"

const folders: Array<string> = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A machine with these programs. Its `apt-get` writes down what it is asked for, then does what the script says. */
const machine = (programs: ReadonlyArray<string>, options: { readonly isRoot: boolean; readonly aptGet?: string }) => {
  const folder = mkdtempSync(join(tmpdir(), "ensure-redis-"))
  folders.push(folder)
  const path = join(folder, "path")
  const bin = join(folder, "bin")
  const log = join(folder, "log")
  for (const each of [path, bin]) mkdirSync(each)
  for (const program of programs) symlinkSync("/bin/sh", join(path, program))
  if (options.aptGet !== undefined) {
    writeFileSync(join(path, "apt-get"), `#!/bin/sh\necho "$@" >> ${log}\n${options.aptGet}\n`, { mode: 0o755 })
  }
  const env: NodeJS.ProcessEnv = { PATH: path }
  const said: Array<string> = []
  const asked = (): ReadonlyArray<string> =>
    existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").map((line) => line.replace(/^.* -y /, "")) : []
  return {
    env,
    path,
    bin,
    said,
    asked,
    ensure: () =>
      ensureRedis({
        env,
        bin,
        isRoot: options.isRoot,
        say: (line) => {
          assert.deepStrictEqual(asked(), [], "it is said before anything is done")
          said.push(line)
        }
      })
  }
}

const installs = "case \"$*\" in *install*) for program in redis-check-rdb openssl; do " +
  "/bin/ln -sf /bin/sh \"$PATH/$program\"; done;; esac"

describe("a machine that has all", () => {
  it("is left alone", () => {
    const { asked, ensure, env, path, said } = machine(["redis-server", "openssl"], { isRoot: true, aptGet: "exit 1" })
    ensure()
    assert.deepStrictEqual([said, asked(), env.PATH], [[], [], path])
  })

  it("may have Redis under its other name", () => {
    const { bin, ensure, env, path, said } = machine(["redis-check-rdb", "openssl"], { isRoot: false })
    for (const time of ["once", "again, with a link that leads nowhere"]) {
      env.PATH = path
      ensure()
      assert.strictEqual(readlinkSync(join(bin, "redis-server")), join(path, "redis-check-rdb"), time)
      assert.strictEqual(env.PATH, `${bin}:${path}`, time)
      rmSync(join(bin, "redis-server"))
      symlinkSync("/nowhere", join(bin, "redis-server"))
    }
    assert.deepStrictEqual(said, [])
  })
})

describe("a machine that lacks something", () => {
  it("is told first, as root on Debian, and is given that and no service", () => {
    const { asked, bin, ensure, env, said } = machine([], { isRoot: true, aptGet: installs })
    ensure()
    assert.strictEqual(said.length, 1)
    assert.match(said[0]!, /need redis-server and openssl: installing redis-tools and openssl .*To avoid this/)
    assert.deepStrictEqual(asked(), ["update", "install --no-install-recommends redis-tools openssl"])
    assert.isTrue(env.PATH!.startsWith(bin))
    ensure()
    assert.strictEqual(said.length, 1)
  })

  it("is given no more than it lacks", () => {
    const { asked, ensure, said } = machine(["redis-server"], { isRoot: true, aptGet: installs })
    ensure()
    assert.match(said[0]!, /need openssl: installing openssl with/)
    assert.strictEqual(asked().at(-1), "install --no-install-recommends openssl")
  })

  it("is told what to install where it may not be installed", () => {
    const { asked, ensure, said } = machine(["openssl"], { isRoot: false, aptGet: installs })
    assert.throws(ensure, /^The tests need redis-server on PATH \(Debian: apt-get install redis-tools, macOS: [^\n]*$/)
    assert.deepStrictEqual([said, asked()], [[], []])
    assert.throws(machine(["openssl"], { isRoot: true }).ensure, /^The tests need redis-server on PATH[^\n]*$/)
  })

  it("is told, too, where installing fails, and why", () => {
    const { ensure } = machine([], { isRoot: true, aptGet: "echo W: old news >&2; echo E: no network >&2; exit 100" })
    assert.throws(ensure, /^The tests need redis-server and openssl on PATH [^\n]*; apt-get failed: E: no network$/)
    assert.throws(machine([], { isRoot: true, aptGet: "exit 0" }).ensure, /^The tests need redis-server and openssl/)
  })
})
