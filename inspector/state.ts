/** What the page knows: the last overview, the latest events, and the reader's choices. */
import type { Happening, Overview, Row } from "../src/internal/inspector/answers.js"

export interface KeyList {
  readonly cache: string
  startsWith: string
  state: string
  rows: Array<Row>
  list: string | null
  page: number
  loading: boolean
  failure: string | null
  readonly selected: Set<string>
}

export const state = {
  overview: null as Overview | null,
  /** Why there is no newer one. */
  failure: null as string | null,
  /** In minutes. */
  range: 15 as 15 | 2,
  sorted: { by: "failed", down: true },
  events: [] as Array<Happening>,
  paused: false,
  /** What arrived while it was paused. */
  waiting: [] as Array<Happening>,
  eventFilter: { text: "", what: "" },
  isLinked: false,
  keys: null as KeyList | null,
  /** Needed by actions: requested once, kept only by this page, gone when it closes. */
  token: null as string | null
}

export const keptEvents = 1_000

export const hrefOf = (view: "cache" | "key", ...parts: ReadonlyArray<string>): string =>
  `#/${view}/${parts.map(encodeURIComponent).join("/")}`

export interface Route {
  readonly view: "overview" | "events" | "cache" | "key"
  readonly cache: string
  readonly key: string
}

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The part after the `#`, which no browser sends. */
export const routeOf = (hash: string): Route => {
  const [view = "", cache = "", ...rest] = hash.slice(2).split("/").map(decode)
  if (view === "events") return { view, cache: "", key: "" }
  if (view === "cache" || (view === "key" && rest.length > 0)) return { view, cache, key: rest.join("/") }
  return { view: "overview", cache: "", key: "" }
}
