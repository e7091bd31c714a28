/** What `--version` prints. */
import { readFileSync } from "node:fs"

/** From the package beside it; a bundle has none. */
export const version = (): string => {
  try {
    return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version
  } catch {
    return "unknown"
  }
}
