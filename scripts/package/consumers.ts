/**
 * Programs that use the published package, in folders that have some of its optional peers and not others: each
 * type-checks with `skipLibCheck` off, bundles, and runs.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import webpack from "webpack"

interface Consumer {
  readonly name: string
  /** The packages besides this one, Effect, and their dependencies: by the names under which the project has them. */
  readonly packages: Readonly<Record<string, string>>
  readonly resolution: "NodeNext" | "Bundler" | "Node10"
  readonly bundlers: ReadonlyArray<"esbuild" | "webpack">
}

const ioredis = { ioredis: "ioredis" }

const platform = { "@effect/platform": "@effect/platform" }

const all = { ...ioredis, ...platform, "@effect/experimental": "@effect/experimental" }

const consumers: ReadonlyArray<Consumer> = [
  { name: "without optional peers", packages: {}, resolution: "NodeNext", bundlers: ["esbuild", "webpack"] },
  { name: "with ioredis 5", packages: ioredis, resolution: "NodeNext", bundlers: ["esbuild"] },
  { name: "with ioredis 6", packages: { ioredis: "ioredis6" }, resolution: "Bundler", bundlers: ["esbuild"] },
  { name: "with @effect/platform", packages: platform, resolution: "Bundler", bundlers: ["esbuild"] },
  { name: "with all of them", packages: all, resolution: "NodeNext", bundlers: ["esbuild", "webpack"] },
  { name: "with all of them and no notion of exports", packages: all, resolution: "Node10", bundlers: [] }
]

/** Which entry points need a peer. All others work without any, and do not reach these. */
export const needs: Readonly<Record<string, string>> = {
  Inspector: "@effect/platform",
  KeyValueStore: "@effect/platform",
  Persistence: "@effect/experimental",
  Reactivity: "@effect/experimental"
}

const programFile = "program.ts"

/**
 * Memoizes without a server, and then tries to connect to a missing one: the output shows that the package was loaded,
 * works, and has found ioredis or not.
 */
const program = (entries: ReadonlyArray<string>, { packages }: Consumer): string =>
  [
    "import { Effect } from \"effect\"",
    "import * as all from \"effect-redis-cache\"",
    ...entries.map((entry) => `import * as ${entry} from "effect-redis-cache/${entry}"`),
    `export const entries = [all, ${entries.join(", ")}]`,
    "const square = Memo.cached((n: number) => Effect.succeed(n * n), { name: \"square\", timeToLive: \"1 minute\" })",
    "const away = RedisLayer.layer({ host: \"127.0.0.1\", port: 1, connectTimeout: 5_000 })",
    "Effect.runPromise(Effect.all([",
    "  square(12).pipe(Effect.provide(RedisLayer.layerMemory)),",
    "  square(12).pipe(Effect.provide(away), Effect.catchTag(\"RedisError\", (error) => Effect.succeed(error.message)))",
    "])).then((told) => console.log(told.join(\": \")))",
    "// @ts-expect-error: the types of this package's own options are there, whatever else is",
    "export const wrong = RedisLayer.layer({ prefix: 1 })",
    ...("ioredis" in packages
      ? [
        "import type * as ioredis from \"ioredis\"",
        "export const borrowed = (client: ioredis.Redis) => RedisLayer.layerFromClient(client)",
        "// @ts-expect-error: so are ioredis's",
        "export const misspelt = RedisLayer.layer({ hots: \"localhost\" })"
      ]
      : [])
  ].join("\n")

const tsconfig = ({ resolution }: Consumer): string =>
  JSON.stringify({
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2023", "DOM"],
      module: resolution === "NodeNext" ? "NodeNext" : "ESNext",
      moduleResolution: resolution,
      // TypeScript 6 warns of the oldest one.
      ...(resolution === "Node10" ? { ignoreDeprecations: "6.0" } : {}),
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: ["node"]
    },
    files: [programFile]
  })

/** A folder outside of the project, which contains only what is put there. */
const install = (consumer: Consumer, unpacked: string, entries: ReadonlyArray<string>): string => {
  const folder = mkdtempSync(join(tmpdir(), "consumer-"))
  const put = (name: string, from: string): void => {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true })
    symlinkSync(resolve("node_modules", from), join(folder, "node_modules", name))
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  for (const name of ["effect", "lru-cache", "msgpackr", "@types/node"]) put(name, name)
  for (const [name, from] of Object.entries(consumer.packages)) put(name, from)
  cpSync(unpacked, join(folder, "node_modules/effect-redis-cache"), { recursive: true })
  writeFileSync(join(folder, programFile), program(entries, consumer))
  writeFileSync(join(folder, "tsconfig.json"), tsconfig(consumer))
  return folder
}

const typeCheck = (folder: string): void => {
  const tsc = resolve("node_modules/typescript/bin/tsc")
  execFileSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { encoding: "utf8", stdio: "pipe" })
}

const run = (file: string, { packages }: Consumer): void => {
  const output = execFileSync(process.execPath, [file], { encoding: "utf8", stdio: "pipe" })
  const expected = "ioredis" in packages
    ? /^144: Redis connect failed \(Connection\)/
    : /^144: .*needs the package "ioredis"/
  if (!expected.test(output)) throw new Error(`it prints ${output}`)
}

/** Bundled by esbuild, minified too, as a module and as a script: nothing remains to be resolved. */
const withEsbuild = async (folder: string, consumer: Consumer): Promise<void> => {
  for (const format of ["esm", "cjs"] as const) {
    const outfile = join(folder, `esbuild-${format}`, format === "esm" ? "out.mjs" : "out.cjs")
    await build({
      absWorkingDir: folder,
      entryPoints: [programFile],
      outfile,
      bundle: true,
      minify: format === "esm",
      platform: "node",
      format,
      // ioredis is a CommonJS package, which loads Node's modules by `require`.
      ...(format === "esm"
        ? {
          banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" }
        }
        : {}),
      logLevel: "silent"
    })
    run(outfile, consumer)
  }
}

const withWebpack = async (folder: string, consumer: Consumer): Promise<void> => {
  // It does not check types: it gets the program as esbuild converts it, without bundling.
  const entry = join(folder, "program.mjs")
  await build({ absWorkingDir: folder, entryPoints: [programFile], outfile: entry, format: "esm", logLevel: "silent" })
  const outcome = await new Promise<webpack.Stats>((done, fail) => {
    webpack({
      context: folder,
      entry,
      mode: "production",
      target: "node",
      optimization: { minimize: false },
      output: { path: join(folder, "webpack"), filename: "out.cjs", chunkFilename: "[id].cjs" }
    }, (error, stats) => stats === undefined ? fail(error ?? new Error("no outcome")) : done(stats))
  })
  if (outcome.hasErrors()) throw new Error(outcome.toString({ all: false, errors: true }))
  run(join(folder, "webpack", "out.cjs"), consumer)
}

/** The output of a failed compiler or bundler. */
const tell = (error: unknown): string => {
  const { message, stdout } = error as Error & { readonly stdout?: string } // all that is thrown above is one
  return stdout === undefined || stdout === "" ? message : stdout
}

/** `unpacked` is the installed package. Reports each failed check, and returns the number of passed ones. */
export const checkConsumers = async (
  unpacked: string,
  report: (problem: string) => void
): Promise<number> => {
  const found = readdirSync(join(unpacked, "dist"))
    .filter((name) => name.endsWith(".js") && name !== "index.js").map((name) => name.replace(/\.js$/, ""))
  let passed = 0
  for (const consumer of consumers) {
    const entries = found.filter((entry) => needs[entry] === undefined || needs[entry] in consumer.packages)
    const folder = install(consumer, unpacked, entries)
    const bundled = { esbuild: withEsbuild, webpack: withWebpack }
    const checks: ReadonlyArray<readonly [what: string, () => void | Promise<void>]> = [
      ["is not type-checked", () => typeCheck(folder)],
      ...consumer.bundlers.map((bundler) =>
        [`is not bundled by ${bundler}`, () => bundled[bundler](folder, consumer)] as const
      )
    ]
    for (const [what, check] of checks) {
      try {
        await check()
        passed++
      } catch (error) {
        report(`A consumer ${consumer.name} ${what}:\n${tell(error)}`)
      }
    }
    rmSync(folder, { recursive: true, force: true })
  }
  return passed
}
