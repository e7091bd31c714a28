/** A full garbage collection, now. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")

export const collectGarbage = runInNewContext("gc") as () => void // what the flag has just put there
