import { ensurePrograms } from "./ensurePrograms.js"

/** The programs that the tests under `test/distributed` start besides Redis. */
export default function setup(): void {
  ensurePrograms(["postgres", "chromium"])
}
