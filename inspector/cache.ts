/** One cache: its policy in a sentence, its tags, the lifetimes of its entries, its keys. */
import type { CacheInfo, Overview, Row } from "../src/internal/inspector/answers.js"
import { actionButton, perform, readOnlyNote, toast } from "./actions.js"
import { post } from "./api.js"
import { forget } from "./charts.js"
import {
  badge,
  bold,
  button,
  code,
  dim,
  empty,
  glyph,
  h,
  one,
  panel,
  paragraph,
  put,
  styled,
  table,
  titled,
  type Tone
} from "./dom.js"
import { findingsOf, toneOf } from "./findings.js"
import { hrefOf, type KeyList, state } from "./state.js"
import { bytes, duration, number, percent, plural, rate, unknown } from "./words.js"

export const states: Readonly<Record<string, readonly [Tone, string]>> = {
  Fresh: ["ok", "fresh"],
  Stale: ["warn", "stale"],
  Leased: ["load", "leased"],
  Held: ["busy", "held"],
  Failure: ["bad", "failure"],
  Invalidated: ["bad", "tag broken"],
  OtherVersion: ["warn", "other version"],
  Undecodable: ["bad", "undecodable"],
  Foreign: ["dim", "not ours"],
  Missing: ["dim", "no key"]
}

export const stateBadge = (name: string, boxed = false): HTMLElement => {
  const [tone, word] = states[name] ?? ["dim", name]
  return badge(tone, word, boxed)
}

/** The policy as a sentence. */
const sentence = ({ policy }: CacheInfo): string => {
  if (policy === null) return "Its policy is unknown: the page has no definition of this cache."
  const parts = [
    policy.timeToLive === undefined
      ? "Entries never expire"
      : `Entries are fresh for ${
        policy.timeToLive === "[Function]" ? "a time that a function returns" : String(policy.timeToLive)
      }`
  ]
  if (policy.staleWhileRevalidate !== undefined) {
    parts.push(`serve for ${String(policy.staleWhileRevalidate)} more while one process refreshes them`)
  }
  if (policy.staleIfError !== undefined) parts.push(`and for ${String(policy.staleIfError)} if the source fails`)
  const more = [
    policy.near === undefined ? "" : " Each process keeps near copies.",
    policy.onRedisError === "bypass"
      ? " Without Redis, callers continue without the cache."
      : " Without Redis, callers fail."
  ]
  return `${parts.join(", ")}.${more.join("")}`
}

const policyPanel = (cache: CacheInfo): HTMLElement =>
  panel(
    titled("Policy"),
    h("p.pad.say", {}, sentence(cache)),
    cache.policy === null ? null : h(
      "dl.pad.kv",
      {},
      Object.entries(cache.policy)
        .filter(([name]) => !["_id", "name"].includes(name))
        .map((
          [name, value]
        ) => [h("dt", {}, name), h("dd", {}, code(typeof value === "object" ? JSON.stringify(value) : String(value)))])
    )
  )

const figuresPanel = ({ keys, memory, rates }: CacheInfo): HTMLElement => {
  const fact = (name: string, value: string, more?: string) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, more === undefined ? null : h("small", {}, more)))
  return h(
    "dl.facts",
    {},
    fact(
      "Hit ratio",
      percent(rates?.hitRatio),
      rates === null ? "no process publishes it" : `${rate(rates.hits + rates.misses)} reads/s`
    ),
    fact("Loads/s", rate(rates?.loads), rates === null ? undefined : `${rate(rates.failed)} failed`),
    fact("Load time", duration(rates?.p50), `p99 ${duration(rates?.p99)}`),
    fact("Joined/s", rate(rates?.joined), "callers of a running load"),
    fact("Stale/s", rate(rates?.stale)),
    fact("Writes/s", rate(rates?.writes)),
    fact("Entries", number(keys)),
    fact("Bytes", bytes(memory))
  )
}

/** The remaining lives of the sample's entries in Redis, on a logarithmic scale. */
const bounds: ReadonlyArray<readonly [millis: number, label: string]> = [
  [1_000, "1 s"],
  [10_000, "10 s"],
  [60_000, "1 min"],
  [600_000, "10 min"],
  [3_600_000, "1 h"],
  [86_400_000, "1 d"],
  [604_800_000, "1 w"],
  [Infinity, "more"]
]

const livesPanel = ({ keys, sample }: CacheInfo): HTMLElement | null => {
  if (sample === null || sample.lives.length === 0) return null
  const counts = bounds.map(() => 0)
  for (const life of sample.lives) {
    counts[life === null ? counts.length - 1 : bounds.findIndex(([most]) => life <= most)]!++
  }
  const highest = Math.max(...counts)
  const soon = counts[0]! + counts[1]! + counts[2]!
  const perSecond = keys === null ? null : soon / sample.lives.length * keys / 60
  return panel(
    titled("Lives", dim(`until Redis expires them, of ${plural(sample.lives.length, "key")}`)),
    h(
      "div.bars",
      { role: "img", "aria-label": bounds.map(([, label], i) => `${label}: ${counts[i]}`).join(", ") },
      bounds.map(([, label], i) =>
        h(
          "div",
          {},
          h("var", {}, counts[i]!),
          styled(h("i"), { height: `${Math.max(2, 56 * counts[i]! / highest)}px` }),
          h("span", {}, label)
        )
      )
    ),
    h(
      "p.pad.dim",
      {},
      perSecond === null || soon === 0
        ? "None of them expires within a minute."
        : `About ${rate(perSecond)} entries a second expire in the next minute.`
    )
  )
}

const tagsPanel = (cache: CacheInfo): HTMLElement | null => {
  if (cache.tags === 0) return null
  const box = h("div.pad.chips", {}, dim("…"))
  post<{ readonly tags: ReadonlyArray<string> }>("api/tags", { cache: cache.name }).then(
    ({ tags }) =>
      put(
        box,
        tags.map((tag) => {
          const run = () =>
            void perform(
              {
                title: `Invalidate the tag ${tag}?`,
                says: [
                  `Every entry of ${cache.name} with this tag is absent from then on, however many there are.`,
                  "Their next readers load them."
                ],
                verb: "Invalidate",
                danger: true
              },
              { action: "invalidate", cache: cache.name, tags: [tag] },
              () => `Invalidated ${tag}.`
            )
          const made = actionButton(tag, run)
          made.classList.add("m")
          return made
        })
      ),
    (error: unknown) => put(box, dim(String(error)))
  )
  return panel(titled("Tags", dim(`${number(cache.tags)} with an epoch; choose one to invalidate it`)), box)
}

const pageSize = 25

const fetchKeys = async (list: KeyList): Promise<void> => {
  if (list.loading) return
  list.loading = true
  list.failure = null
  try {
    const { list: next, rows } = await post<{ readonly rows: ReadonlyArray<Row>; readonly list: string | null }>(
      "api/keys",
      {
        cache: list.cache,
        startsWith: list.startsWith,
        count: 100,
        ...(list.list === null ? {} : { list: list.list })
      }
    )
    const known = new Set(list.rows.map(({ key }) => key))
    list.rows.push(...rows.filter(({ key }) => !known.has(key)))
    list.list = next
  } catch (error) {
    list.failure = error instanceof Error ? error.message : String(error)
  }
  list.loading = false
}

const newList = (cache: string, startsWith = ""): KeyList => ({
  cache,
  startsWith,
  state: "",
  rows: [],
  list: null,
  page: 0,
  loading: false,
  failure: null,
  selected: new Set()
})

const begin = (list: KeyList, draw: () => void): void => {
  state.keys = list
  void fetchKeys(list).then(() => {
    if (state.keys === list) draw()
  })
}

const keysPanel = (cache: CacheInfo): HTMLElement => {
  const chips = h("div.chips", { role: "group", "aria-label": "State" })
  const box = h("div", {})
  const draw = (): void => drawKeys(cache, chips, box, draw)
  let typing: ReturnType<typeof setTimeout> | undefined
  const search = h("input", {
    type: "search",
    id: "keys-start",
    placeholder: "Starts with…",
    "aria-label": "Keys that start with",
    value: state.keys?.cache === cache.name ? state.keys.startsWith : "",
    spellcheck: "false",
    autocomplete: "off",
    oninput: (event: InputEvent) => {
      clearTimeout(typing)
      const { value } = event.target as HTMLInputElement // it is this one
      typing = setTimeout(() => {
        begin(newList(cache.name, value), draw)
        draw()
      }, 200)
    }
  })
  if (state.keys?.cache === cache.name) draw()
  else {
    begin(newList(cache.name), draw)
    draw()
  }
  return panel(titled("Keys", search, chips), box)
}

const drawKeys = (cache: CacheInfo, chips: HTMLElement, box: HTMLElement, draw: () => void): void => {
  const list = state.keys
  if (list === null) return
  const chosen = list.rows.filter((row) => list.state === "" || row.state === list.state)
  const pages = Math.max(1, Math.ceil(chosen.length / pageSize))
  const rows = chosen.slice(list.page * pageSize, (list.page + 1) * pageSize)
  const present = ["", ...Object.keys(states)].filter((name) =>
    name === "" || list.rows.some((row) => row.state === name)
  )
  put(
    chips,
    present.map((name) =>
      h(
        "button",
        {
          "aria-pressed": String(list.state === name),
          onclick: () => {
            list.state = name
            list.page = 0
            draw()
          }
        },
        name === "" ? "all" : stateBadge(name),
        dim(number(name === "" ? list.rows.length : list.rows.filter((row) => row.state === name).length))
      )
    )
  )
  if (list.failure !== null) {
    return put(
      box,
      empty(
        bold("Keys cannot be listed"),
        paragraph(list.failure),
        button("Try again", () => begin(list, draw))
      )
    )
  }
  if (rows.length === 0) {
    return put(
      box,
      empty(
        list.loading
          ? dim("Reading…")
          : bold(list.startsWith === "" ? "No keys" : `No key starts with “${list.startsWith}”`),
        list.loading
          ? null
          : paragraph(list.list === null ? "SCAN has read all keys of this cache." : "SCAN goes on."),
        list.list === null ? null : button("Read on", () => begin(list, draw))
      )
    )
  }
  const check = (label: string, on: boolean, keys: ReadonlyArray<string>) =>
    h("input", {
      type: "checkbox",
      "aria-label": label,
      checked: on,
      onchange: (event: Event) => {
        for (const key of keys) {
          if ((event.target as HTMLInputElement).checked) list.selected.add(key) // it is this one
          else list.selected.delete(key)
        }
        draw()
        box.querySelector<HTMLElement>(`input[aria-label="${CSS.escape(label)}"]`)?.focus()
      }
    })
  const more = list.page >= pages - 1
  const act = (verb: string, action: string, says: ReadonlyArray<string>, danger: boolean) =>
    actionButton(`${verb} selected`, () => {
      const keys = [...list.selected]
      if (keys.length === 0) return toast("Select keys first.")
      void perform(
        { title: `${verb} ${plural(keys.length, "key")} of ${cache.name}?`, says, verb, danger },
        { action, cache: cache.name, keys },
        (done) =>
          `${verb === "Delete" ? "Deleted" : "Expired"}: ${plural(done, "fresh value")} of ${
            plural(keys.length, "key")
          }.`
      ).then((done) => {
        if (done) begin(newList(cache.name, list.startsWith), draw)
      })
    }, danger)
  put(
    box,
    h(
      "div.x",
      {},
      table<Row>(
        "Keys",
        [
          {
            label: check(
              "Select this page",
              rows.every(({ key }) => list.selected.has(key)),
              rows.map(({ key }) => key)
            ),
            kind: "ck",
            cell: ({ key, text }) => check(`Select ${text}`, list.selected.has(key), [key])
          },
          {
            label: "Key",
            kind: "k",
            cell: ({ key, text }) =>
              h(
                "a.m.cut",
                { href: hrefOf("key", cache.name, key), "data-row": true, title: text },
                text === "" ? "(empty)" : text
              )
          },
          { label: "State", kind: "w", cell: (row) => stateBadge(row.state) },
          { label: "Fresh for", kind: "n", cell: ({ timeToLive }) => duration(timeToLive) },
          { label: "In Redis for", kind: "n", cell: ({ life }) => duration(life) },
          { label: "Bytes", kind: "n", cell: ({ memory, size }) => bytes(memory ?? size) },
          {
            label: "Tags",
            kind: "ww",
            cell: ({ tags }) =>
              tags.length === 0
                ? unknown
                : h(
                  "span.m.cut",
                  {},
                  tags.slice(0, 4).map(({ holds, name }) => h("span", { class: holds ? null : "bad" }, `${name} `)),
                  tags.length > 4 ? `+${tags.length - 4}` : null
                )
          }
        ],
        rows,
        { go: ({ key }) => hrefOf("key", cache.name, key) }
      )
    ),
    h(
      "div.bar2",
      {},
      h("span", {}, `Page ${list.page + 1} of ${pages}${list.list === null ? "" : " read so far; SCAN goes on"}`),
      button("Previous", () => {
        list.page--
        draw()
      }, { disabled: list.page === 0 }),
      button(list.loading ? "Reading…" : "Next", () => {
        if (!more) {
          list.page++
          return draw()
        }
        void fetchKeys(list).then(() => {
          if (
            list.page < Math.ceil(
                  list.rows.filter((row) => list.state === "" || row.state === list.state).length / pageSize
                ) - 1
          ) list.page++
          draw()
        })
      }, { disabled: more && list.list === null }),
      h("span.right", {}, list.selected.size > 0 ? `${number(list.selected.size)} selected` : ""),
      act("Expire", "expire", [
        "They are stale from now on: inside their stale windows, loads serve them and refresh them."
      ], false),
      act(
        "Delete",
        "delete",
        ["Their next readers load them.", "Loads in flight do not bring them back."],
        true
      )
    ),
    h("div.bar2.note", {}, readOnlyNote())
  )
}

export const cacheView = (main: HTMLElement, overview: Overview, name: string): void => {
  forget()
  const cache = overview.caches.find((each) => each.name === name)
  if (cache === undefined) {
    return put(
      main,
      h("div.head", {}, h("h1", { tabindex: -1 }, name)),
      panel(empty(bold("No such cache"), paragraph(`Nothing is stored under ${overview.prefix}${name}: now.`)))
    )
  }
  const own = findingsOf(overview).filter((finding) => finding.cache === name)
  const flush = actionButton("Flush", () =>
    void perform(
      {
        title: `Flush ${name}?`,
        says: [
          `All ${cache.keys === null ? "" : `${number(cache.keys)} `}entries are removed, in pages.`,
          "Their next readers load them: expect that many loads."
        ],
        verb: "Flush",
        danger: true
      },
      { action: "flush", cache: name },
      (done) => `Flushed ${plural(done, "entry").replace("entrys", "entries")}.`
    ).then((done) => {
      if (done) state.keys = null
    }), true)
  put(
    main,
    h("div.head", {}, h("h1.m", { tabindex: -1 }, name), badge(...toneOf(cache), true), h("span.sp"), flush),
    own.length === 0 ?
      null :
      h(
        "section.panel",
        { "aria-label": "Findings" },
        own.map(({ says, title, tone }) =>
          h("div.find1", {}, h(`span.${tone}`, {}, glyph(tone)), h("div", {}, bold(title), paragraph(...says)), null)
        )
      ),
    figuresPanel(cache),
    h("div.two", {}, h("div", {}, policyPanel(cache), tagsPanel(cache)), h("div", {}, livesPanel(cache))),
    keysPanel(cache)
  )
}

/** Only the figures: the list of keys stays at its reader's position. */
export const cacheFigures = (overview: Overview, name: string): void => {
  const cache = overview.caches.find((each) => each.name === name)
  if (cache !== undefined) one("main>.facts").replaceWith(figuresPanel(cache))
}
