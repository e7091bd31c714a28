/** The soak's command line options. */
import { parseArgs } from "node:util"

export interface Options {
  readonly minutes: number
  readonly seed: number
}

export const readOptions = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: "string" }, seed: { type: "string" } } })
  const minutes = Number(values.minutes ?? 10)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new RangeError("usage: soak [--minutes N] [--seed S]")
  return { minutes, seed }
}
