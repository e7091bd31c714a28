/** A full garbage collection, now. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

const ofBun = (globalThis as { readonly Bun?: { readonly gc: (now: boolean) => void } }).Bun // exists only on Bun

const ofV8 = (): () => void => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void // what the flag has just put there
}

export const collectGarbage: () => void = ofBun === undefined ? ofV8() : () => ofBun.gc(true)
