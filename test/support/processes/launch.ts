/** Starts a TypeScript file, or a bundle, as a process of its own that ends with this one, whatever happens to it. */
import { type ChildProcess, fork } from "node:child_process"
import { existsSync } from "node:fs"

// On Linux the kernel can end a child with its parent: this even ends a suspended one.
const setpriv = "/usr/bin/setpriv"

/** Elsewhere, the file must end itself when its parent disconnects. */
export const launch = (file: string, nodeOptions: ReadonlyArray<string> = []): ChildProcess => {
  const options = file.endsWith(".ts") ? [...nodeOptions, "--import", "tsx"] : nodeOptions
  return existsSync(setpriv)
    ? fork(file, [], { execPath: setpriv, execArgv: ["--pdeathsig", "KILL", process.execPath, ...options] })
    : fork(file, [], { execArgv: [...options] })
}
