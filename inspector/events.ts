/** Changes as they happen. */
import type { Happening } from "../src/internal/inspector/answers.js"
import { forget } from "./charts.js"
import { badge, bold, button, dim, empty, h, panel, paragraph, put, table, titled, type Tone } from "./dom.js"
import { hrefOf, keptEvents, state } from "./state.js"
import { clock, number } from "./words.js"

const kinds: Readonly<Record<string, readonly [Tone, string]>> = {
  written: ["ok", "written"],
  leased: ["load", "leased"],
  held: ["busy", "held"],
  expired: ["warn", "expired"],
  gone: ["dim", "gone"],
  invalidated: ["warn", "invalidated"],
  changed: ["dim", "changed"],
  flushed: ["bad", "all gone"],
  lost: ["warn", "link lost"],
  resumed: ["ok", "link is back"]
}

const filters = ["", "written", "leased", "held", "expired", "gone", "invalidated"]

const isOfLink = ({ what }: Happening): boolean => what === "lost" || what === "resumed" || what === "flushed"

const about = (event: Happening) => {
  switch (event.what) {
    case "lost":
      return "Changes are not reported until the link is back. Near copies are bypassed meanwhile."
    case "resumed":
      return "From here on every change is reported. Earlier ones may be missing."
    case "flushed":
      return "The server was emptied."
    default:
      return event.key === null
        ? h("span.m.cut", {}, `${event.cache}: ${event.text}`)
        : h(
          "a.m.cut",
          { href: hrefOf("key", event.cache ?? "", event.key), "data-row": true, title: event.text },
          `${event.cache}:${event.text}`
        )
  }
}

export const add = (event: Happening): void => {
  if (state.paused) {
    if (state.waiting.length < keptEvents) state.waiting.unshift(event)
    return
  }
  state.events.unshift(event)
  if (state.events.length > keptEvents) state.events.length = keptEvents
}

export const perMinute = (): number => {
  const since = Date.now() - 60_000
  const index = state.events.findIndex(({ at }) => at < since)
  return index < 0 ? state.events.length : index
}

export const togglePause = (): void => {
  state.paused = !state.paused
  if (state.paused) return
  state.events = [...state.waiting, ...state.events].slice(0, keptEvents)
  state.waiting = []
}

const rows = (): ReadonlyArray<Happening> => {
  const { text, what } = state.eventFilter
  const wanted = text.toLowerCase()
  return state.events.filter((event) =>
    isOfLink(event) ||
    ((what === "" || event.what === what) && `${event.cache}:${event.text}`.toLowerCase().includes(wanted))
  ).slice(0, 100)
}

/** Only the list, so that typed text stays. */
export const drawEvents = (): void => {
  const box = document.querySelector<HTMLElement>("#events")
  const pause = document.querySelector<HTMLElement>("#pause")
  if (box === null || pause === null) return
  pause.textContent = state.paused
    ? `Go on${state.waiting.length === 0 ? "" : ` (${number(state.waiting.length)} new)`}`
    : "Pause"
  // The reader's position in the list must not change.
  if (box.contains(document.activeElement)) return
  const shown = rows()
  put(
    box,
    shown.length === 0
      ? empty(
        bold("Nothing has changed yet"),
        paragraph("Writes, deletes, leases and invalidations of every process are listed here as they happen.")
      )
      : table<Happening>(
        "Events",
        [
          { label: "When", cell: ({ at }) => h("span.m.dim", {}, clock(at)) },
          { label: "What", kind: "ck", cell: ({ what }) => badge(...(kinds[what] ?? ["dim", what])) },
          { label: "Key", kind: "ww", cell: about }
        ],
        shown,
        { kind: "ev", rowClass: (event) => isOfLink(event) ? "row-lost" : "" }
      )
  )
}

export const eventsView = (main: HTMLElement, redraw: () => void): void => {
  forget()
  put(
    main,
    h(
      "div.head",
      {},
      h("h1", { tabindex: -1 }, "Events"),
      !state.isLinked
        ? badge("warn", "cut off", true)
        : state.paused
        ? badge("warn", "paused", true)
        : badge("ok", "live", true),
      h("span.sp"),
      button("Pause", () => {
        togglePause()
        redraw()
      }, { id: "pause" })
    ),
    panel(
      titled(
        "Changes",
        h("input", {
          type: "search",
          placeholder: "Has in it…",
          "aria-label": "Events of keys whose name contains",
          value: state.eventFilter.text,
          spellcheck: "false",
          oninput: (event: InputEvent) => {
            state.eventFilter.text = (event.target as HTMLInputElement).value // it is this one
            drawEvents()
          }
        }),
        h(
          "div.chips",
          { role: "group", "aria-label": "Kind" },
          filters.map((what) =>
            h("button", {
              "aria-pressed": String(state.eventFilter.what === what),
              onclick: () => {
                state.eventFilter.what = what
                redraw()
              }
            }, what === "" ? "all" : badge(...kinds[what]!))
          )
        ),
        dim(`the latest ${number(keptEvents)} are kept by this page`)
      ),
      h("div", { id: "events" })
    )
  )
  drawEvents()
}
