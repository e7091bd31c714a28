/** Writes the parts of a collection one by one. Where one is refused, the path says which. */
import { index, within } from "./refusal.js"

type Write<Walk, Written> = (value: unknown, walk: Walk) => Written

// Loops: a callback to Array.from takes three frames a level, and there may be a thousand levels.

export const members = <Walk, Written>(
  values: Iterable<unknown>,
  write: Write<Walk, Written>,
  walk: Walk,
  container: object
): Array<Written> => {
  const written: Array<Written> = []
  for (const value of values) {
    try {
      written.push(write(value, walk))
    } catch (error) {
      throw within(error, container, index(written.length))
    }
  }
  return written
}

/** Each key, and behind it its value. */
export const entries = <Walk, Written>(
  pairs: Iterable<readonly [unknown, unknown]>,
  write: Write<Walk, Written>,
  walk: Walk,
  container: object
): Array<Written> => {
  const written: Array<Written> = []
  for (const [key, value] of pairs) {
    let side = "keys"
    try {
      const left = write(key, walk)
      side = "values"
      written.push(left, write(value, walk))
    } catch (error) {
      throw within(error, container, `.${side}()[${written.length / 2}]`)
    }
  }
  return written
}
