/** Starts a TypeScript file, or a bundle of some, as a process of its own that ends with this one, whatever happens to it. */
import { type ChildProcess, fork } from "node:child_process"
import { existsSync } from "node:fs"

// Where the kernel can end a child with its parent (Linux), let it: it also ends one that is stopped.
const setpriv = "/usr/bin/setpriv"

/** The file is to end itself when its parent disconnects, for where the kernel cannot. */
export const launch = (file: string, nodeOptions: ReadonlyArray<string> = []): ChildProcess => {
  const options = file.endsWith(".ts") ? [...nodeOptions, "--import", "tsx"] : nodeOptions
  return existsSync(setpriv)
    ? fork(file, [], { execPath: setpriv, execArgv: ["--pdeathsig", "KILL", process.execPath, ...options] })
    : fork(file, [], { execArgv: [...options] })
}
