/** One key: what readers get, and why; its lifetimes, tags, value and bytes. */
import type { Look, Overview } from "../src/internal/inspector/answers.js"
import { actionButton, perform, readOnlyNote, toast } from "./actions.js"
import { post } from "./api.js"
import { stateBadge } from "./cache.js"
import { forget } from "./charts.js"
import {
  all,
  badge,
  bold,
  button,
  code,
  dim,
  empty,
  h,
  link,
  panel,
  paragraph,
  put,
  styled,
  table,
  titled
} from "./dom.js"
import { hrefOf } from "./state.js"
import { treeView } from "./tree.js"
import { bytes, duration, instant, number } from "./words.js"

/** What readers get, before why. */
const sentence = ({ reason, state, tags, timeToLive, windows }: Look): string => {
  const broken = tags.filter(({ holds }) => !holds).map(({ name }) => name)
  switch (state) {
    case "Fresh":
      return timeToLive === null || timeToLive < 0
        ? "Readers get it: it is fresh, and never expires."
        : `Readers get it, for another ${duration(timeToLive)}.`
    case "Stale":
      return windows === null
        ? `Reads miss it. Loads may serve it, inside the stale windows of its cache: ${reason}.`
        : `Reads miss it; loads may serve it: ${reason}.`
    case "Leased":
      return "Absent to readers: a load is in progress, and callers wait for it."
    case "Held":
      return "Absent to readers: an update of the source is in progress. Loads return values, and store nothing."
    case "Invalidated":
      return broken.length === 0
        ? `Absent to readers: ${reason}.`
        : `Absent to readers: ${broken.length === 1 ? "the tag" : "the tags"} ${
          broken.join(", ")
        } changed since it was written.`
    case "Failure":
      return "Loads return this cached failure."
    default:
      return `Absent to readers: ${reason}.`
  }
}

interface Segment {
  readonly kind: string
  readonly label: string
  readonly until: number
}

/** The life as a bar that is not to scale: ten minutes beside a day would not be visible. */
const lifePanel = (look: Look): HTMLElement | null => {
  const { age, state, tags, timeToLive, windows } = look
  if (
    windows === null || windows.fresh === null || age === null || !["Fresh", "Stale", "Invalidated"].includes(state)
  ) return null
  const { fresh, staleIfError, staleWhileRevalidate } = windows
  const segments: Array<Segment> = [{ kind: "f", label: `fresh ${duration(fresh)}`, until: fresh }]
  if (staleWhileRevalidate > 0) {
    segments.push({
      kind: "s",
      label: `stale, refreshing ${duration(staleWhileRevalidate)}`,
      until: fresh + staleWhileRevalidate
    })
  }
  if (staleIfError > staleWhileRevalidate) {
    segments.push({ kind: "e", label: `stale on error ${duration(staleIfError)}`, until: fresh + staleIfError })
  }
  const gone = segments.at(-1)!.until
  const width = 88 / segments.length
  const place = (at: number): number => {
    let from = 0
    for (const [i, { until }] of segments.entries()) {
      if (at <= until) return width * (i + (at - from) / Math.max(1, until - from))
      from = until
    }
    return Math.min(98, 88 + 10 * (at - gone) / Math.max(1, gone))
  }
  const broken = state === "Invalidated" ? tags.find(({ holds }) => !holds) : undefined
  const written = Date.now() - age
  const nowAt = place(age)
  const pin = (kind: string, at: number, text: string) =>
    styled(h(`span${kind}`, {}, text), { left: `${Math.min(97, Math.max(2, at))}%` })
  const mark = (at: number, title: string, text: string, side = "") =>
    styled(h(`span${side}`, {}, bold(title), text), { left: `${at}%` })
  return panel(
    titled("Life", dim("segments are not to scale")),
    h(
      "div.pad",
      {
        role: "img",
        "aria-label": `Written about ${duration(age)} ago, ${
          timeToLive === null ? "" : `fresh for another ${duration(timeToLive)}, `
        }gone ${duration(gone)} after the write.`
      },
      h(
        "div.pins",
        {},
        pin("", nowAt, "now")
      ),
      h(
        "div.life",
        {},
        segments.map(({ kind, label }) =>
          styled(h(`span.${kind}${broken === undefined ? "" : ".hatch"}`, { title: label }, label), {
            width: `${width}%`
          })
        ),
        styled(h("span.gone", {}, "gone"), { width: "12%" })
      ),
      h(
        "div.marks",
        {},
        mark(0, "written", instant(written)),
        segments.map(({ kind, until }, i) =>
          mark(
            width * (i + 1),
            kind === "f" ? "fresh until" : i === segments.length - 1 ? "gone" : "stale until",
            instant(written + until),
            i === segments.length - 1 ? ".r" : ".mid"
          )
        )
      ),
      broken === undefined ? null : h("p.dim", {}, "Hatched: would be served, had ", code(broken.name), " held.")
    )
  )
}

const tagsPanel = ({ tags }: Look): HTMLElement | null =>
  tags.length === 0 ? null : panel(
    titled("Tags"),
    h(
      "div.x",
      {},
      table("Tags", [
        { label: "Tag", kind: "k", cell: ({ name }) => h("span.m.cut", { title: name }, name) },
        {
          label: "",
          kind: "ck",
          cell: ({ expired, held, holds }) =>
            held
              ? badge("busy", "held")
              : holds
              ? badge("ok", "holds")
              : expired === null
              ? badge("bad", "broken")
              : badge("warn", `expired ${duration(expired)} ago`)
        },
        {
          label: "Epoch in the entry",
          kind: "w",
          cell: ({ epoch }) => h("span.m.dim", {}, epoch ?? "–")
        },
        {
          label: "Epoch now",
          kind: "w",
          cell: ({ holds, now }) => h(`span.m.${holds ? "dim" : "bad"}`, {}, now ?? "gone")
        }
      ], tags)
    )
  )

const valuePanel = ({ codecs, decodedBy, size, state, value }: Look): HTMLElement | null => {
  if (["Missing", "Leased", "Held"].includes(state)) return null
  const tree = h("div.pad.tree", {}, value === null ? null : treeView(value))
  const fold = (open: boolean) => () => {
    for (const details of all("details details", tree)) (details as HTMLDetailsElement).open = open // they are
  }
  const folds = value?.entries === undefined
    ? []
    : [
      h("span.sp"),
      button("Collapse", fold(false), { class: "btn plain" }),
      button("Expand", fold(true), { class: "btn plain" })
    ]
  return panel(
    titled(
      state === "Failure" ? "Failure" : "Value",
      dim(
        [
          codecs.join(" of "),
          bytes(size),
          decodedBy === "definition" ? "decoded by its definition" : "as far as its bytes reveal"
        ].filter((part) => part !== "").join(", ")
      ),
      ...folds
    ),
    value === null
      ? empty(
        bold(codecs.includes("encrypted") ? "It is encrypted" : "Its bytes do not reveal it"),
        paragraph("Mounted in a service, with the cache's definition and its keys, the page shows it.")
      )
      : tree
  )
}

const pairs = (hex: string): string => hex.match(/../g)?.join(" ") ?? ""

/** The same field is highlighted in both: pointing at one shows the other. */
const headerPanel = ({ header, size, tags }: Look): HTMLElement | null => {
  if (header.length === 0) return null
  const broken = new Set(tags.filter(({ holds }) => !holds).map(({ name }) => name))
  const light = (i: number, on: boolean) => () => {
    for (const lit of all(`[data-field="${i}"]`)) lit.classList.toggle("on", on)
  }
  const rows = header.map((field, i) => ({ ...field, i, bad: field.tag !== undefined && broken.has(field.tag) }))
  const known = header.reduce((sum, { hex }) => sum + hex.length / 2, 0)
  const made = table(
    "Header bytes",
    [
      { label: "Offset", kind: "ck", cell: ({ offset }: (typeof rows)[number]) => h("span.m.dim", {}, offset) },
      { label: "Field", kind: "k", cell: ({ name }) => name },
      { label: "Bytes", kind: "ww", cell: ({ bad, hex }) => h(`span.m.wrap-text${bad ? ".bad" : ""}`, {}, pairs(hex)) },
      {
        label: "Means",
        kind: "ww",
        cell: ({ bad, means, tag }) =>
          h(`span.wrap-text.${bad ? "bad" : "dim"}`, {}, bad ? `differs from the epoch of ${tag} now` : means)
      }
    ],
    rows,
    { kind: "hx" }
  )
  for (const [i, row] of [...made.querySelectorAll<HTMLElement>("tbody tr")].entries()) {
    row.dataset.field = String(i)
    row.onmouseenter = light(i, true)
    row.onmouseleave = light(i, false)
  }
  return panel(
    titled("Header", dim(`${known} of ${number(size)} bytes`)),
    h(
      "div.pad.hex",
      {},
      rows.map(({ bad, hex, i, name }) => [
        h(`span${bad ? ".badb" : ""}`, {
          "data-field": i,
          title: name,
          onmouseenter: light(i, true),
          onmouseleave: light(i, false)
        }, pairs(hex)),
        " "
      ]),
      size > known ? h("i.dim", {}, "… payload") : null
    ),
    h("div.x", {}, made)
  )
}

const holdersOf = ({ holders }: Look, token: string) => {
  const found = holders.filter((holder) => holder.token === token).map(({ process }) => process)
  return found.length === 0 ? "of a process that does not publish" : `of ${found.join(", ")}`
}

const leasePanel = (look: Look): HTMLElement | null => {
  const all = [
    ...(look.lease === null ? [] : [{ kind: "Lease", ...look.lease }]),
    ...look.holds.map((hold) => ({ kind: "Hold", ...hold }))
  ]
  return all.length === 0 ? null : panel(
    titled(look.lease === null ? "Updates in progress" : "Lease"),
    h(
      "dl.pad.kv",
      {},
      all.map(({ kind, remaining, token }) => [
        h("dt", {}, kind),
        h("dd", {}, code(token), ` ${holdersOf(look, token)}, for another ${duration(remaining)} unless it is renewed`)
      ])
    )
  )
}

const entryPanel = (look: Look): HTMLElement => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["Size", `${number(look.size)} bytes${look.memory === null ? "" : `, ${bytes(look.memory)} in Redis`}`],
    ["Codec", look.codecs.length === 0 ? "not known" : look.codecs.join(" of ")],
    ["Written", look.age === null ? "not known" : `about ${duration(look.age)} ago`],
    ["Fresh for", look.timeToLive === null ? "it is not fresh" : duration(look.timeToLive)],
    ["In Redis for", duration(look.life)],
    [
      "Last load",
      look.loadTime === null || look.loadTime === 0 ? "none, or unknown" : `about ${duration(look.loadTime)}`
    ],
    ["Version", look.version === null ? "none" : String(look.version)]
  ]
  return panel(
    titled("Entry"),
    h("dl.pad.kv", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))
  )
}

const actionsPanel = (overview: Overview, cache: string, look: Look, again: () => void): HTMLElement => {
  const refreshes = overview.caches.find(({ name }) => name === cache)?.refreshes === true
  const act = (verb: string, action: string, says: ReadonlyArray<string>, done: string, danger = false) =>
    actionButton(
      verb,
      () =>
        void perform({ title: `${verb} ${look.text}?`, says, verb, danger }, { action, cache, keys: [look.key] }, () =>
          done).then(again),
      danger
    )
  return panel(
    titled("Actions", overview.actions ? null : badge("dim", "read-only")),
    h(
      "div.pad.stacked",
      {},
      h(
        "div.row",
        {},
        refreshes || !overview.actions
          ? act(
            "Refresh",
            "refresh",
            ["Runs the load in the process of this page, now, and stores its value."],
            "Refreshed."
          )
          : null,
        act("Expire", "expire", [
          "It is stale from now on: inside its stale windows, loads serve it and refresh it."
        ], "Expired."),
        act(
          "Delete",
          "delete",
          ["Its next reader loads it.", "A load in flight does not bring it back."],
          "Deleted.",
          true
        )
      ),
      refreshes || !overview.actions
        ? null
        : dim("Refresh needs the load of the cache: mount the page in a service, with Inspector.refreshable."),
      h("div.dim", {}, readOnlyNote())
    )
  )
}

export const keyView = (main: HTMLElement, overview: Overview, cache: string, key: string): Promise<void> => {
  forget()
  const again = () => void keyView(main, overview, cache, key)
  return post<Look>("api/key", { cache, key }).then(
    (look) => {
      const copy = button(
        "Copy name",
        () => void navigator.clipboard?.writeText(look.redisKey).then(() => toast("Copied."))
      )
      if (look.state === "Missing") {
        return put(
          main,
          h(
            "div.head",
            {},
            h("h1.m", { tabindex: -1 }, `${cache}:${look.text}`),
            stateBadge("Missing", true),
            h("span.sp"),
            copy
          ),
          panel(
            empty(
              bold("No such key"),
              paragraph(
                `Nothing is under ${look.redisKey}: never written, expired, deleted or evicted. The next load fills it.`
              ),
              link(`Keys of ${cache}`, hrefOf("cache", cache))
            )
          ),
          refreshable(overview, cache) ? actionsPanel(overview, cache, look, again) : null
        )
      }
      put(
        main,
        h(
          "div.head",
          {},
          h("h1.m", { tabindex: -1 }, `${cache}:${look.text}`),
          stateBadge(look.state, true),
          h("span.sp"),
          button("Look again", again),
          copy
        ),
        h("p.say", {}, sentence(look)),
        h(
          "div.two",
          {},
          h("div", {}, lifePanel(look), leasePanel(look), tagsPanel(look), valuePanel(look)),
          h("div", {}, actionsPanel(overview, cache, look, again), entryPanel(look))
        ),
        headerPanel(look)
      )
    },
    (error: unknown) =>
      put(
        main,
        h("div.head", {}, h("h1.m", { tabindex: -1 }, `${cache}:${key}`)),
        panel(
          empty(
            bold("This key cannot be read"),
            paragraph(error instanceof Error ? error.message : String(error)),
            button("Try again", again)
          )
        )
      )
  )
}

const refreshable = ({ caches }: Overview, cache: string): boolean =>
  caches.some(({ name, refreshes }) => name === cache && refreshes)
