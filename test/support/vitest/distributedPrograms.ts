import { ensurePrograms } from "./ensurePrograms.js"

/** What the tests under `test/distributed` start beside Redis. */
export default function setup(): void {
  ensurePrograms(["postgres", "chromium"])
}
