import { existsSync, readFileSync } from "node:fs"

/** The version of a package as a module resolves it. */
export const version = (module, name) => {
  for (let folder = new URL(".", module);; folder = new URL("..", folder)) {
    const file = new URL(`node_modules/${name}/package.json`, folder)
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")).version
    if (folder.pathname === "/") throw new Error(`${name} is not installed`)
  }
}

/** `{ ioredis: "6.0.0" }` */
export const versions = (module, ...names) => Object.fromEntries(names.map((name) => [name, version(module, name)]))
