/** The frame: what is requested and when, which view is shown, and keyboard shortcuts. */
import type { Happening, Overview, Row } from "../src/internal/inspector/answers.js"
import { get, listen, post } from "./api.js"
import { cacheFigures, cacheView } from "./cache.js"
import { all, badge, dim, glyph, h, one, put } from "./dom.js"
import { add, drawEvents, eventsView, perMinute, togglePause } from "./events.js"
import { toneOf } from "./findings.js"
import { keyView } from "./key.js"
import { lastSeen, overviewView, retry, sortedCaches } from "./overview.js"
import { hrefOf, routeOf, state } from "./state.js"
import { percent } from "./words.js"

const everyMillis = 2_000

const main = one("#main")

const navigation = (): void => {
  const { cache, view } = routeOf(location.hash)
  const { overview } = state
  const item = (href: string, current: boolean, ...children: ReadonlyArray<HTMLElement | string>) =>
    h("li", {}, h("a", { href, "aria-current": current ? "page" : null }, ...children))
  put(
    one("nav"),
    h(
      "ul",
      {},
      item("#/", view === "overview", h("span", {}, "Overview")),
      item(
        "#/events",
        view === "events",
        h("span", {}, "Events"),
        h("span.m", {}, state.isLinked ? `${perMinute()}/min` : "–")
      )
    ),
    h("h2", {}, "Caches"),
    h(
      "ul",
      {},
      sortedCaches(overview?.caches ?? []).slice(0, 200).map((each) => {
        const [tone] = toneOf(each)
        const mark = h(`span.${tone}`, {}, glyph(tone))
        const name = h("span.name", { title: each.name }, each.name)
        return item(
          hrefOf("cache", each.name),
          cache === each.name,
          mark,
          name,
          h("span.m", {}, each.rates === null ? "" : percent(each.rates.hitRatio))
        )
      })
    )
  )
}

const top = (): void => {
  const { cache, key, view } = routeOf(location.hash)
  const { failure, overview } = state
  const crumbs = [h("a", { href: "#/" }, overview === null ? "caches" : overview.title), dim("›")]
  if (view === "cache") crumbs.push(h("span.m", {}, cache))
  else if (view === "key") crumbs.push(h("a", { href: hrefOf("cache", cache) }, cache), dim("›"), h("span.m", {}, key))
  else crumbs.push(h("span", {}, view === "events" ? "Events" : "Overview"))
  put(one(".crumb"), crumbs)
  put(
    one(".live"),
    failure !== null
      ? badge("bad", "cut off")
      : overview === null
      ? dim("asking…")
      : overview.connection.failure !== null
      ? badge("warn", "Redis is away")
      : badge("ok", lastSeen(overview.points.at(-1)?.at ?? Date.now()))
  )
  put(
    one(".lock"),
    overview?.actions === true ? badge("warn", h("span", {}, "actions on")) : badge("dim", h("span", {}, "read-only"))
  )
  document.title = `${
    view === "overview" ? "Overview" : view === "events" ? "Events" : view === "cache" ? cache : `${cache}:${key}`
  } · ${overview?.title ?? "caches"}`
}

/** Draws everything anew; `isNews`: only because there are new figures, so whatever a reader works with stays. */
const render = (isNews = false): void => {
  const route = routeOf(location.hash)
  const { overview } = state
  navigation()
  top()
  if (overview === null) {
    return put(
      main,
      state.failure === null ? h("div.empty", {}, "Asking…") : retry(state.failure, () => void refresh())
    )
  }
  const y = scrollY
  // The pointer on a chart, the focus in a table and a text selection must not be lost.
  const isBusy = (main.contains(document.activeElement) && document.activeElement !== document.querySelector("h1")) ||
    main.querySelector(".plot:hover") !== null || getSelection()?.isCollapsed === false
  switch (route.view) {
    case "overview":
      if (!isNews || !isBusy) overviewView(main, overview, () => render())
      break
    case "events":
      if (!isNews) eventsView(main, () => render())
      break
    case "cache":
      if (isNews && main.querySelector(".facts") !== null) cacheFigures(overview, route.cache)
      else cacheView(main, overview, route.cache)
      break
    case "key":
      if (!isNews) void keyView(main, overview, route.cache, route.key).then(focusTitle)
  }
  if (isNews) scrollTo(0, y)
}

const focusTitle = (): void => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true })

const refresh = async (): Promise<void> => {
  const isFirst = state.overview === null
  try {
    state.overview = await get<Overview>("api/overview")
    state.failure = null
  } catch (error) {
    state.failure = error instanceof Error ? error.message : String(error)
  }
  render(!isFirst)
}

const poll = async (): Promise<void> => {
  for (;;) {
    if (!document.hidden) await refresh()
    await new Promise((resolve) => setTimeout(resolve, everyMillis))
  }
}

// ---- finding a cache or a key

const search = one("#q") as HTMLInputElement // it is one
const pop = one("#pop")
let found: ReadonlyArray<{ readonly text: string; readonly kind: string; readonly href: string }> = []
let chosen = 0
let asked = 0

const drawFound = (): void => {
  chosen = Math.min(chosen, Math.max(0, found.length - 1))
  pop.hidden = search.value === "" || document.activeElement !== search
  search.setAttribute("aria-expanded", String(!pop.hidden))
  search.setAttribute("aria-activedescendant", found.length === 0 ? "" : `found-${chosen}`)
  put(
    pop,
    found.length === 0
      ? h("li", { role: "option" }, dim("Nothing found"))
      : found.map(({ href, kind, text }, i) =>
        h(
          "li",
          {
            role: "option",
            id: `found-${i}`,
            "aria-selected": String(i === chosen),
            onmousedown: (event: MouseEvent) => {
              event.preventDefault()
              go(href)
            }
          },
          h("span.m", {}, text),
          h("span", {}, kind)
        )
      )
  )
}

const go = (href: string): void => {
  location.hash = href
  search.value = ""
  search.blur()
  drawFound()
}

const find = async (): Promise<void> => {
  const text = search.value.trim()
  const mine = ++asked
  const caches = state.overview?.caches ?? []
  const [name, rest] = text.includes(":")
    ? [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)]
    : [undefined, text]
  found = caches.filter((cache) => cache.name.toLowerCase().includes(text.toLowerCase())).slice(0, 8).map((cache) => ({
    text: cache.name,
    kind: "cache",
    href: hrefOf("cache", cache.name)
  }))
  drawFound()
  if (text === "") return
  const among = name === undefined ? caches.slice(0, 6) : caches.filter((cache) => cache.name === name)
  await new Promise((resolve) => setTimeout(resolve, 150))
  if (mine !== asked) return
  const pages = await Promise.allSettled(among.map(async (cache) => {
    const { rows } = await post<{ readonly rows: ReadonlyArray<Row> }>("api/keys", {
      cache: cache.name,
      startsWith: rest,
      count: 5
    })
    return rows.map((row) => ({
      text: `${cache.name}:${row.text}`,
      kind: "key",
      href: hrefOf("key", cache.name, row.key)
    }))
  }))
  if (mine !== asked) return
  found = [...found, ...pages.flatMap((page) => page.status === "fulfilled" ? page.value : [])].slice(0, 12)
  drawFound()
}

search.oninput = () => {
  chosen = 0
  void find()
}
search.onfocus = () => void find()
search.onblur = () => drawFound()
search.onkeydown = (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault()
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length)
    drawFound()
  } else if (event.key === "Enter") {
    const hit = found[chosen]
    if (hit !== undefined) go(hit.href)
  } else if (event.key === "Escape") search.blur()
}

// ---- theme, shortcuts, help

const storage = { theme: "effect-redis-cache:theme", keys: "effect-redis-cache:keys" }

const stored = (name: string): string | null => {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

const store = (name: string, value: string): void => {
  try {
    localStorage.setItem(name, value)
  } catch {
    // It then applies to this page only.
  }
}

const themes = ["auto", "light", "dark"] as const
const themeWords = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }
let theme = themes.find((name) => name === stored(storage.theme)) ?? "auto"
let hasShortcuts = stored(storage.keys) !== "off"

const applyTheme = (): void => {
  if (theme === "auto") delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  one("#theme").textContent = themeWords[theme]
  one("#theme").setAttribute("aria-label", `Theme: ${theme}`)
}

const nextTheme = (): void => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length]!
  store(storage.theme, theme)
  applyTheme()
  // Charts use its colours.
  if (routeOf(location.hash).view === "overview") render()
}

const shortcuts: ReadonlyArray<readonly [string, string]> = [
  ["/", "find a cache or key"],
  ["j k", "next, previous row"],
  ["Enter", "open it"],
  ["o", "overview"],
  ["e", "events"],
  ["p", "pause events"],
  ["t", "theme"],
  ["← →", "move in the focused chart"]
]

const help = (): void => {
  const dialog = one("dialog") as HTMLDialogElement // it is one
  const toggle = h("input", {
    type: "checkbox",
    id: "shortcuts",
    checked: hasShortcuts,
    onchange: (event: Event) => {
      hasShortcuts = (event.target as HTMLInputElement).checked // it is this one
      store(storage.keys, hasShortcuts ? "on" : "off")
    }
  })
  put(
    dialog,
    h(
      "form",
      { method: "dialog" },
      h("h2", {}, "Keyboard"),
      h("dl.kv", {}, shortcuts.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])),
      h("label.check", {}, toggle, "Single keys are shortcuts"),
      h("div.end", {}, h("button.btn", { autofocus: true, onclick: () => dialog.close() }, "Close"))
    )
  )
  dialog.showModal()
}

const moveRow = (by: number): void => {
  const rows = all("main [data-row]")
  const at = rows.indexOf(document.activeElement as HTMLElement) // or of nothing there
  rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))]?.focus()
}

const single: Readonly<Record<string, () => void>> = {
  "/": () => search.focus(),
  o: () => {
    location.hash = "#/"
  },
  e: () => {
    location.hash = "#/events"
  },
  j: () => moveRow(1),
  k: () => moveRow(-1),
  p: () => {
    togglePause()
    if (routeOf(location.hash).view === "events") render()
  },
  t: nextTheme,
  "?": help
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !hasShortcuts) return
  if ((event.target as Element).matches("input,select,textarea") || (one("dialog") as HTMLDialogElement).open) return
  const act = single[event.key]
  if (act === undefined) return
  event.preventDefault()
  act()
})

addEventListener("hashchange", () => {
  render()
  scrollTo(0, 0)
  focusTitle()
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" })
})

one(".skip").onclick = (event) => {
  event.preventDefault()
  focusTitle()
}
one("#theme").onclick = nextTheme
one("#help").onclick = help
applyTheme()
render()
void poll()

let drawing = false
listen(
  (event: Happening) => {
    add(event)
    if (drawing) return
    drawing = true
    setTimeout(() => {
      drawing = false
      if (routeOf(location.hash).view === "events") drawEvents()
    }, 250)
  },
  (isUp) => {
    if (state.isLinked === isUp) return
    state.isLinked = isUp
    navigation()
    if (routeOf(location.hash).view === "events") render()
  }
)
