/** What is measured in the process's own memory. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Room for all that is cached here, and no more than twice as much. */
export const capacity = 200_000

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc")

/** Bytes that are in use, once what is not has been collected. */
export const used = () => {
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
