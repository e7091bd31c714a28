/** The dashboard and the alert rules query only exported metrics, and all of them. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { exported, prometheusNames } from "./exported.js"

const folder = new URL("../../docs/monitoring/", import.meta.url)

interface Panel {
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
}

interface Dashboard {
  readonly panels: ReadonlyArray<Panel>
  readonly templating: { readonly list: ReadonlyArray<{ readonly query: string }> }
}

/** The labels that Prometheus has for each name. */
let labels: ReadonlyMap<string, ReadonlySet<string>>
let dashboard: Dashboard
let alerts: string

beforeAll(async () => {
  const { metrics } = await Effect.runPromise(exported)
  labels = new Map(metrics.flatMap((metric) => {
    const names = new Set(metric.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
    const known = new Set([...names].map((name) => name.replaceAll(".", "_")).concat("job", "le"))
    return prometheusNames(metric).map((name) => [name, known] as const)
  }))
  dashboard = JSON.parse(await readFile(new URL("grafana-dashboard.json", folder), "utf8")) as Dashboard
  alerts = await readFile(new URL("alerts.yaml", folder), "utf8")
}, 60_000)

/** The metrics of an expression, the labels that it selects by, and those that it groups by. */
const check = (expression: string): void => {
  const groups = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, group]) => group!.split(/\s*,\s*/))
  const selected = expression.replaceAll(/by \([^)]*\)/g, "")
  const used = [...selected.matchAll(/\b((?:cache|db)_[a-z_]+)(?:\{([^}]*)\})?/g)]
  assert.isNotEmpty(used, expression)
  const known = new Set<string>()
  for (const [, name, selector = ""] of used) {
    const has = labels.get(name!)
    assert.isDefined(has, `${name} is not exported, but asked for in ${expression}`)
    for (const label of has) known.add(label)
    for (const [, label] of selector.matchAll(/([a-z_]+)\s*[=!]/g)) {
      assert.isTrue(has.has(label!), `${name} has no label ${label}, asked for in ${expression}`)
    }
  }
  for (const label of groups) assert.isTrue(known.has(label), `${label} in ${expression}`)
  assert.strictEqual(expression.split("(").length, expression.split(")").length, `parentheses of ${expression}`)
}

describe("the dashboard", () => {
  it("queries exported metrics and labels, and describes each panel", () => {
    for (const { description, targets = [], title } of dashboard.panels) {
      for (const { expr } of targets) check(expr.replaceAll("[$__rate_interval]", ""))
      if (targets.length > 0) assert.isNotEmpty(description, title)
    }
    for (const { query } of dashboard.templating.list) {
      const [, name] = /^label_values\((\w+)/.exec(query) ?? []
      if (name !== undefined) assert.isTrue(labels.has(name), query)
    }
  })

  it("shows every metric", () => {
    const shown = JSON.stringify(dashboard)
    for (const name of labels.keys()) {
      if (!/_(sum|count|bucket)$/.test(name)) assert.include(shown, name)
    }
  })
})

describe("the alerts", () => {
  it("query exported metrics and labels", () => {
    const rules = alerts.split("- alert: ").slice(1)
    assert.isAbove(rules.length, 8)
    for (const rule of rules) {
      const [, block, inline] = /expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/.exec(rule) ?? []
      check((block ?? inline)!.replaceAll(/\s+/g, " "))
    }
  })

  it("cover an outage, and its aftermath", () => {
    for (const gauge of ["cache_connection_down", "cache_circuit_open", "cache_remembered"]) {
      assert.match(alerts, new RegExp(`\\(${gauge}\\)`), gauge)
      const over = dashboard.panels.filter(({ targets = [], type }) =>
        type === "timeseries" && targets.some(({ expr }) => expr.includes(gauge))
      )
      assert.isNotEmpty(over, `${gauge} over time`)
    }
  })

  it("are all in the operations guide", async () => {
    const guide = await readFile(new URL("../operations/operations.md", folder), "utf8")
    for (const [, name] of alerts.matchAll(/- alert: (\w+)/g)) assert.include(guide, name!)
  })
})
