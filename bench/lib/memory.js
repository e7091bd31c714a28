/** Measurements of the process's own memory. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Room for all entries here, and at most twice as much. */
export const capacity = 200_000

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc")

/** Bytes in use after a garbage collection. */
export const used = () => {
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
