/** What a check of a `Redis` found. */
import * as Option from "effect/Option"

/** The result of one check. */
export interface Finding {
  readonly check:
    | "connection"
    | "version"
    | "replication"
    | "cluster"
    | "eviction"
    | "memory"
    | "rights"
    | "tracking"
    | "latency"
    | "clock"
  /**
   * `ok`; `warn`: it works, but something should be done; `bad`: something does not work; `unknown`: it could not be
   * checked.
   */
  readonly level: "ok" | "warn" | "bad" | "unknown"
  readonly message: string
  /** What to do; none if there is nothing to do. */
  readonly advice: Option.Option<string>
}

const finding = (level: Finding["level"]) => (check: Finding["check"], message: string, advice?: string): Finding => ({
  check,
  level,
  message,
  advice: Option.fromNullable(advice)
})

export const ok = finding("ok")

export const warn = finding("warn")

export const bad = finding("bad")

export const unknown = finding("unknown")
