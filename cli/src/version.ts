/** What `--version` prints. */
import { readFileSync } from "node:fs"

/** As the package beside it says; in a bundle there is none. */
export const version = (): string => {
  try {
    return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version
  } catch {
    return "unknown"
  }
}
