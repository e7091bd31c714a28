/** The first view: problems, recent history, and all caches. */
import type { CacheInfo, Overview, Point, Process, Server } from "../src/internal/inspector/answers.js"
import { chart, forget } from "./charts.js"
import {
  badge,
  bold,
  button,
  code,
  type Column,
  dim,
  empty,
  glyph,
  h,
  link,
  panel,
  paragraph,
  put,
  styled,
  svg,
  table,
  titled
} from "./dom.js"
import { findingsOf, isFailing, toneOf } from "./findings.js"
import { hrefOf, state } from "./state.js"
import { bytes, clock, duration, instant, number, percent, plural, rate, unknown } from "./words.js"

const findingsPanel = (overview: Overview): HTMLElement | null => {
  const found = findingsOf(overview)
  return found.length === 0 ? null : h(
    "section.panel",
    { "aria-label": "Findings" },
    found.map(({ cache, says, title, tone }) =>
      h(
        "div.find1",
        {},
        h(`span.${tone}`, {}, glyph(tone)),
        h("div", {}, bold(title), paragraph(...says)),
        cache === undefined ? null : link(`Open ${cache} →`, hrefOf("cache", cache))
      )
    )
  )
}

const shownPoints = ({ points }: Overview): ReadonlyArray<Point> => {
  const last = points.at(-1)?.at ?? 0
  return points.filter(({ at }) => last - at <= state.range * 60_000)
}

const pick = (points: ReadonlyArray<Point>, field: Exclude<keyof Point, "at">) => points.map((point) => point[field])

const charts = (overview: Overview): HTMLElement => {
  const points = shownPoints(overview)
  const times = points.map(({ at }) => at)
  const marks = overview.connection.failingSince === null ? [] : [overview.connection.failingSince]
  const ratios = pick(points, "hitRatio").filter((ratio) => ratio !== null)
  const low = ratios.length === 0 ? 0 : Math.max(0, Math.floor(Math.min(...ratios) * 10 - 0.5) / 10)
  const series = (name: string, colour: string, field: Exclude<keyof Point, "at">) => ({
    name,
    colour,
    values: pick(points, field)
  })
  return h(
    "div.charts",
    {},
    chart({
      title: "Hit ratio",
      times,
      marks,
      min: low,
      max: 1,
      series: [series("all caches", "fg", "hitRatio")],
      format: percent,
      axis: (value) => `${Math.round(value * 100)} %`
    }),
    chart({
      title: "Reads a second",
      times,
      marks,
      stacked: true,
      series: [
        series("near", "near", "near"),
        series("Redis", "redis", "redis"),
        series("miss", "cload", "misses")
      ],
      format: rate,
      axis: (value) => value >= 1_000 ? `${value / 1_000}k` : number(value, 1)
    }),
    chart({
      title: "Loads a second",
      times,
      marks,
      series: [
        series("loads", "busy", "loads"),
        series("failed", "fail", "failed"),
        series("stale answers", "stale", "stale")
      ],
      format: rate,
      axis: (value) => value >= 1_000 ? `${value / 1_000}k` : number(value, 1)
    }),
    chart({
      title: "Load time",
      times,
      marks,
      series: [series("p50", "redis", "p50"), series("p99", "fg", "p99")],
      format: duration,
      axis: duration
    })
  )
}

const fact = (name: string, value: string | HTMLElement, ...more: ReadonlyArray<string | HTMLElement | null>) =>
  h("div", {}, h("dt", {}, name), h("dd", {}, value, more.map((part) => part === null ? null : h("small", {}, part))))

const memoryFact = ({ maxMemory, memory }: Server) => {
  if (maxMemory === null || maxMemory === 0 || memory === null) {
    return fact("Memory", bytes(memory), maxMemory === 0 ? "no maxmemory" : null)
  }
  const meter = styled(h("i"), { width: `${Math.min(100, 100 * memory / maxMemory)}%` })
  return fact("Memory", `${bytes(memory)} of ${bytes(maxMemory)}`, h("span.meter", {}, meter))
}

const facts = (overview: Overview): HTMLElement => {
  const { caches, connection, points, processes, servers } = overview
  const away = connection.failure !== null
  const stored = caches.reduce((sum, { memory }) => sum + (memory ?? 0), 0)
  return h(
    "dl.facts",
    {},
    fact(
      "Redis",
      away ? badge("bad", "away") : badge("ok", servers.length > 1 ? `${servers.length} masters` : "connected"),
      away ? (connection.failingSince === null ? null : `for ${duration(Date.now() - connection.failingSince)}`) : null
    ),
    ...(servers[0] === undefined ? [fact("Version", away ? unknown : "in memory")] : [
      fact(
        "Version",
        servers[0].version ?? unknown,
        servers[0].uptime === null ? null : `up ${duration(servers[0].uptime * 1_000)}`
      ),
      fact("Round trip", duration(points.at(-1)?.roundTrip), `best ${duration(servers[0].roundTrip)}`),
      memoryFact(servers[0]),
      fact(
        "Eviction",
        servers[0].policy ?? unknown,
        servers[0].policy === "noeviction"
          ? h("span.warn", {}, "writes fail when full")
          : `${number(servers[0].evicted)} evicted`
      )
    ]),
    fact(
      "Circuit",
      connection.circuit === null
        ? unknown
        : connection.circuit === "open"
        ? badge("bad", "open")
        : badge("ok", "closed"),
      connection.circuit === "open" ? "operations fail at once" : null
    ),
    fact(
      "Changes",
      connection.tracking ? badge("ok", "told") : badge("warn", "not told"),
      connection.tracking ? null : "near copies are bypassed"
    ),
    fact(
      "In caches",
      stored === 0 ? unknown : bytes(stored),
      `${number(caches.reduce((sum, { keys }) => sum + (keys ?? 0), 0))} entries`
    ),
    fact(
      "Fleet",
      processes.length === 0 ? unknown : plural(processes.length, "process").replace("processs", "processes"),
      processes.length === 0 ? "no process publishes" : null
    )
  )
}

const sparkline = (ratios: ReadonlyArray<number | null>, bad: boolean): Element | null => {
  const known = ratios.filter((ratio) => ratio !== null)
  if (known.length < 2) return null
  const x = (i: number) => (64 * i / (ratios.length - 1)).toFixed(1)
  const y = (ratio: number) => (17 - 16 * ratio).toFixed(1)
  let path = ""
  let pen = false
  for (const [i, ratio] of ratios.entries()) {
    if (ratio === null) pen = false
    else {
      path += `${pen ? "L" : "M"}${x(i)} ${y(ratio)}`
      pen = true
    }
  }
  return svg(
    "svg",
    { width: 64, height: 18, viewBox: "0 0 64 18", "aria-hidden": "true", class: bad ? "bad" : "busy" },
    svg("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": 1.4 })
  )
}

const orders: Readonly<Record<string, (cache: CacheInfo) => number | string>> = {
  name: ({ name }) => name,
  failed: ({ rates }) => rates?.failed ?? -1,
  ratio: ({ rates }) => rates?.hitRatio ?? -1,
  reads: ({ rates }) => rates === null ? -1 : rates.hits + rates.misses,
  loads: ({ rates }) => rates?.loads ?? -1,
  p50: ({ rates }) => rates?.p50 ?? -1,
  p99: ({ rates }) => rates?.p99 ?? -1,
  stale: ({ rates }) => rates?.stale ?? -1,
  keys: ({ keys }) => keys ?? -1,
  memory: ({ memory }) => memory ?? -1,
  near: ({ rates }) => rates === null || rates.hits === 0 ? -1 : rates.near / rates.hits
}

/** By the chosen column; ties by reads, and then by name. */
export const sortedCaches = (caches: ReadonlyArray<CacheInfo>): ReadonlyArray<CacheInfo> => {
  const { by, down } = state.sorted
  const compare = (a: CacheInfo, b: CacheInfo, order: string): number => {
    const [left, right] = [orders[order]!(a), orders[order]!(b)]
    return typeof left === "string" ? left.localeCompare(String(right)) : left - Number(right)
  }
  return [...caches].sort((a, b) =>
    (down ? -1 : 1) * compare(a, b, by) || -compare(a, b, "reads") || compare(a, b, "name")
  )
}

const cachesPanel = (overview: Overview, render: () => void): HTMLElement => {
  const { caches, survey } = overview
  const tinted = (value: number | null | undefined, tone: string, text = rate(value)) =>
    h("span", { class: value !== null && value !== undefined && value > 0 ? tone : null }, text)
  const columns: ReadonlyArray<Column<CacheInfo>> = [
    {
      label: "Cache",
      kind: "k",
      sort: "name",
      cell: ({ name }) => h("a.cut", { href: hrefOf("cache", name), "data-row": true, title: name }, name)
    },
    { label: "State", kind: "ck", cell: (cache) => badge(...toneOf(cache)) },
    {
      label: "Hit ratio",
      kind: "n",
      sort: "ratio",
      cell: (cache) =>
        h("span.hit", {}, sparkline(cache.ratios, isFailing(cache)), h("span", {}, percent(cache.rates?.hitRatio)))
    },
    {
      label: "Reads/s",
      kind: "n",
      sort: "reads",
      cell: ({ rates }) => rate(rates === null ? null : rates.hits + rates.misses)
    },
    { label: "Loads/s", kind: "n", sort: "loads", cell: ({ rates }) => rate(rates?.loads) },
    { label: "Load p50", kind: "n", sort: "p50", cell: ({ rates }) => duration(rates?.p50) },
    { label: "Load p99", kind: "n", sort: "p99", cell: ({ rates }) => duration(rates?.p99) },
    { label: "Stale/s", kind: "n", sort: "stale", cell: ({ rates }) => tinted(rates?.stale, "warn") },
    { label: "Failed/s", kind: "n", sort: "failed", cell: ({ rates }) => tinted(rates?.failed, "bad") },
    { label: "Entries", kind: "n", sort: "keys", cell: ({ keys }) => number(keys) },
    {
      label: "Bytes",
      kind: "n",
      sort: "memory",
      title: "As Redis counts them: the mean of a sample",
      cell: ({ memory }) => bytes(memory)
    },
    {
      label: "Near hits",
      kind: "n",
      sort: "near",
      cell: ({ rates }) => rates === null || rates.hits === 0 ? unknown : percent(rates.near / rates.hits)
    }
  ]
  return panel(
    titled("Caches", dim(survey.at === null ? "" : `entries counted ${duration(Date.now() - survey.at)} ago`)),
    caches.length === 0
      ? empty(
        bold("No caches yet"),
        paragraph(`Nothing is stored under the prefix “${overview.prefix}”. A cache is listed once it has an entry.`)
      )
      : h(
        "div.x",
        {},
        table("Caches", columns, sortedCaches(caches), {
          sorted: state.sorted,
          onSort: (by) => {
            state.sorted = { by, down: state.sorted.by === by ? !state.sorted.down : by !== "name" }
            render()
          },
          go: ({ name }) => hrefOf("cache", name)
        })
      )
  )
}

const fleetPanel = ({ at, processes }: Overview): HTMLElement =>
  panel(
    titled("Fleet", dim(processes.length === 0 ? "" : "what each process publishes")),
    processes.length === 0
      ? empty(
        bold("No process publishes its figures"),
        paragraph(
          "With ",
          code("RedisLayer.layer({ publish: true })"),
          " hit ratios and loads of all processes are shown here."
        )
      )
      : h(
        "div.x",
        {},
        table<Process>("Processes", [
          { label: "Process", kind: "k", cell: ({ name }) => h("span.m", {}, name) },
          {
            label: "",
            kind: "ck",
            cell: ({ every, publishedAt }) =>
              at - publishedAt > 2.5 * every + 1_000
                ? badge("warn", `${duration(at - publishedAt)} ago, late`)
                : badge("ok", `${duration(Math.max(0, at - publishedAt))} ago`)
          },
          {
            label: "Up",
            kind: "n",
            cell: ({ startedAt }) => h("span", { title: instant(startedAt) }, duration(at - startedAt))
          },
          {
            label: "Caches",
            kind: "n",
            cell: ({ caches }) => number(caches)
          },
          { label: "Loading", kind: "n", cell: ({ loading }) => number(loading) }
        ], processes)
      )
  )

const serversPanel = ({ servers }: Overview): HTMLElement | null =>
  servers.length < 2 ? null : panel(
    titled("Masters"),
    h(
      "div.x",
      {},
      table<Server>("Masters", [
        { label: "Server", kind: "k", cell: ({ address }) => h("span.m", {}, address ?? unknown) },
        {
          label: "Version",
          kind: "w",
          cell: ({ version }) => version ?? unknown
        },
        { label: "Memory", kind: "n", cell: ({ memory }) => bytes(memory) },
        { label: "Evicted", kind: "n", cell: ({ evicted }) => number(evicted) },
        { label: "Operations/s", kind: "n", cell: ({ operations }) => number(operations) },
        { label: "Round trip", kind: "n", cell: ({ roundTrip }) => duration(roundTrip) }
      ], servers)
    )
  )

export const overviewView = (main: HTMLElement, overview: Overview, render: () => void): void => {
  forget()
  const bad = findingsOf(overview).filter(({ tone }) => tone === "bad").length
  const range = (minutes: 15 | 2) =>
    h("button", {
      "aria-pressed": String(state.range === minutes),
      onclick: () => {
        state.range = minutes
        render()
      }
    }, `${minutes} min`)
  put(
    main,
    h(
      "div.head",
      {},
      h("h1", { tabindex: -1 }, "Overview"),
      bad > 0 ? badge("bad", bad === 1 ? "1 thing is wrong" : `${bad} things are wrong`, true) : null,
      h("span.sp"),
      h("div.seg", { role: "group", "aria-label": "Range" }, range(15), range(2))
    ),
    findingsPanel(overview),
    charts(overview),
    facts(overview),
    cachesPanel(overview, render),
    serversPanel(overview),
    fleetPanel(overview)
  )
}

export const retry = (failure: string, again: () => void): HTMLElement =>
  panel(
    empty(
      badge("bad", "cut off", true),
      bold("The page's server does not answer"),
      paragraph(failure),
      button("Try again", again)
    )
  )

export const lastSeen = (at: number): string => `live, ${clock(at)}`
