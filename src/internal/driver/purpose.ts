/**
 * What the steps of a driver are for, in the words of this library's users: traces and metrics name operations so. A step
 * that is not listed has the name of an operation already.
 */
const purposes: Record<string, string> = {
  lease: "load",
  fill: "load",
  release: "load",
  renew: "load",
  ensureEpoch: "load",
  ensureEpochs: "load",
  swap: "modify",
  remove: "delete",
  replaceEpochs: "invalidateTags",
  hold: "invalidating",
  endHold: "invalidating",
  scan: "keys",
  heads: "keys",
  clear: "flush",
  inspect: "explain"
}

export const purposeOf = (step: string): string => purposes[step] ?? step
