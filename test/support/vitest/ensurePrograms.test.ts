/**
 * What happens on a machine without the programs of a test run. All programs are stubs, in a folder that is the PATH.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import { ensurePrograms, findProgram, type Program, testPrograms } from "./ensurePrograms.js"

const folders: Array<string> = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A machine with these programs. Its `apt-get` records its arguments, then does what the script says. */
const machine = (programs: ReadonlyArray<string>, options: { readonly isRoot: boolean; readonly aptGet?: string }) => {
  const folder = mkdtempSync(join(tmpdir(), "ensure-programs-"))
  folders.push(folder)
  const path = join(folder, "path")
  const bin = join(folder, "bin")
  const root = join(folder, "root")
  const log = join(folder, "log")
  for (const each of [path, bin, root]) mkdirSync(each)
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
    root,
    said,
    asked,
    ensure: (needed: ReadonlyArray<Program> = testPrograms) =>
      ensurePrograms(needed, {
        env,
        bin,
        root,
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

describe("a machine that has all programs", () => {
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

describe("a machine that lacks programs", () => {
  it("announces the installation first, as root on Debian, and installs the programs without a service", () => {
    const { asked, bin, ensure, env, said } = machine([], { isRoot: true, aptGet: installs })
    ensure()
    assert.strictEqual(said.length, 1)
    assert.match(said[0]!, /need redis-server and openssl: installing redis-tools and openssl .*To avoid this/)
    assert.deepStrictEqual(asked(), ["update", "install --no-install-recommends redis-tools openssl"])
    assert.isTrue(env.PATH!.startsWith(bin))
    ensure()
    assert.strictEqual(said.length, 1)
  })

  it("gets no more than it lacks", () => {
    const { asked, ensure, said } = machine(["redis-server"], { isRoot: true, aptGet: installs })
    ensure()
    assert.match(said[0]!, /need openssl: installing openssl with/)
    assert.strictEqual(asked().at(-1), "install --no-install-recommends openssl")
  })

  it("says what to install if it may not install anything", () => {
    const { asked, ensure, said } = machine(["openssl"], { isRoot: false, aptGet: installs })
    assert.throws(ensure, /^The tests need redis-server on PATH \(Debian: apt-get install redis-tools, macOS: [^\n]*$/)
    assert.deepStrictEqual([said, asked()], [[], []])
    assert.throws(machine(["openssl"], { isRoot: true }).ensure, /^The tests need redis-server on PATH[^\n]*$/)
  })

  it("also says so if installing fails, and why", () => {
    const { ensure } = machine([], { isRoot: true, aptGet: "echo W: old news >&2; echo E: no network >&2; exit 100" })
    assert.throws(ensure, /^The tests need redis-server and openssl on PATH [^\n]*; apt-get failed: E: no network$/)
    assert.throws(machine([], { isRoot: true, aptGet: "exit 0" }).ensure, /^The tests need redis-server and openssl/)
  })
})

describe("a machine that lacks PostgreSQL", () => {
  /** Debian's package creates and starts a database of its own, unless it is configured not to. */
  const installsPostgres = (bin: string, rest = "") =>
    `case "$*" in *install*) config=\${0%/path/*}/root/etc/postgresql-common/createcluster.d/no-main-cluster.conf
      read line < $config; echo "$line" >> "\${0%/path/*}/log"
      /bin/mkdir -p "${bin}"; /bin/ln -s /bin/sh "${bin}/postgres"; ${rest};; esac`

  it("gets it without a running database", () => {
    const debian = machine([], {
      isRoot: true,
      aptGet: installsPostgres("${0%/path/*}/root/usr/lib/postgresql/15/bin")
    })
    debian.ensure(["postgres"])
    assert.match(debian.said[0]!, /need postgres: installing postgresql with apt-get \(no service that runs/)
    assert.deepStrictEqual(debian.asked(), [
      "update",
      "install --no-install-recommends postgresql",
      "create_main_cluster = false"
    ])
    assert.deepStrictEqual(readdirSync(join(debian.root, "etc/postgresql-common")), [], "what it was told is gone")
    assert.strictEqual(
      findProgram("postgres", debian.env),
      join(debian.root, "usr/lib/postgresql/15/bin/postgres"),
      "it is found where Debian has it"
    )
  })

  it("keeps its configuration, even if installing fails", () => {
    const debian = machine([], {
      isRoot: true,
      aptGet: installsPostgres("${0%/path/*}/root/usr/lib/postgresql/15/bin", "exit 1")
    })
    const folder = join(debian.root, "etc/postgresql-common/createcluster.d")
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, "own.conf"), "")
    assert.throws(() => debian.ensure(["postgres"]), /^The tests need postgres on PATH .*; apt-get failed/)
    assert.deepStrictEqual(readdirSync(folder), ["own.conf"])
  })

  it("may have it in Debian's folders: the newest is used", () => {
    const debian = machine(["redis-server", "openssl"], { isRoot: false })
    for (const version of ["9", "13", "15", "17"]) {
      mkdirSync(join(debian.root, "usr/lib/postgresql", version, "bin"), { recursive: true })
    }
    for (const version of ["9", "13", "15"]) {
      symlinkSync("/bin/sh", join(debian.root, "usr/lib/postgresql", version, "bin/postgres"))
    }
    debian.ensure([...testPrograms, "postgres"])
    assert.strictEqual(debian.env.PATH, `${debian.path}:${join(debian.root, "usr/lib/postgresql/15/bin")}`)
    debian.ensure([...testPrograms, "postgres"])
    assert.strictEqual(debian.env.PATH, `${debian.path}:${join(debian.root, "usr/lib/postgresql/15/bin")}`)
  })

  it("says what to install if it may not install anything", () => {
    const { ensure } = machine([], { isRoot: false })
    assert.throws(
      () => ensure(["postgres", "chromium"]),
      /^The tests need postgres and chromium on PATH \(Debian: apt-get install postgresql chromium, macOS: [^\n]*$/
    )
  })
})
