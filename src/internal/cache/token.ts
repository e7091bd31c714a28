/** The token of a lease or a hold: random, except that its end identifies the process if that publishes its figures. */
import * as Entry from "../entry/format.js"
import type { Runtime } from "./runtime.js"

const markSize = 3

export const makeToken = ({ random, tally }: Runtime): Uint8Array => {
  const token = random.make(Entry.tokenSize)
  if (tally !== undefined) token.set(tally.mark, Entry.tokenSize - markSize)
  return token
}
