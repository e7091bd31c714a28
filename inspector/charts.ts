/** Charts of the last minutes, all with one crosshair: uPlot draws them. */
import uPlot from "uplot"
import { bold, h, styled } from "./dom.js"
import { clock } from "./words.js"

export interface Series {
  readonly name: string
  /** One of the page's colours. */
  readonly colour: string
  readonly values: ReadonlyArray<number | null>
}

export interface Chart {
  readonly title: string
  readonly times: ReadonlyArray<number>
  readonly series: ReadonlyArray<Series>
  readonly stacked?: boolean
  readonly format: (value: number | null) => string
  readonly axis: (value: number) => string
  readonly min?: number
  readonly max?: number
  readonly marks?: ReadonlyArray<number>
}

const sync = uPlot.sync("overview")
let drawn: Array<uPlot> = []

/** A canvas does not know `var()` and `light-dark()`; an element does. */
const resolved = (colour: string): string => {
  const probe = styled(h("i"), { color: `var(--${colour})` })
  document.body.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return found
}

const stackedUp = (series: ReadonlyArray<Series>): ReadonlyArray<ReadonlyArray<number | null>> => {
  const sums = new Array<number>(series[0]?.values.length ?? 0).fill(0)
  return series.map(({ values }) => values.map((value, i) => (sums[i] = sums[i]! + (value ?? 0))))
}

export const forget = (): void => {
  for (const chart of drawn) chart.destroy()
  drawn = []
}

const height = 132

export const chart = (
  { axis, format, marks = [], max, min = 0, series, stacked = false, times, title }: Chart
): HTMLElement => {
  const values = series.map(() => h("var"))
  const when = h("span.dim")
  const legend = h(
    "span.lg",
    {},
    series.map(({ colour, name }, i) =>
      h("span", {}, styled(h(stacked ? "i" : "i.ln"), { background: `var(--${colour})` }), name, values[i]!)
    )
  )
  const box = h("div.plot", {
    tabindex: 0,
    role: "img",
    "aria-label": title
  })
  const tell = (index: number | null | undefined): void => {
    const at = index ?? times.length - 1
    for (const [i, { values: all }] of series.entries()) values[i]!.textContent = format(all[at] ?? null)
    when.textContent = index === null || index === undefined || times[at] === undefined ? "" : ` ${clock(times[at]!)}`
    const words = series.map(({ name, values: all }) => `${name} ${format(all[at] ?? null)}`).join(", ")
    box.setAttribute("aria-label", `${title}${when.textContent}: ${words}`)
  }
  tell(undefined)
  const shown = stacked ? stackedUp(series) : series.map(({ values: all }) => all)
  const order = shown.map((_, i) => i)
  if (stacked) order.reverse()
  const draw = (): void => {
    const [grid, text] = [resolved("l"), resolved("dim")]
    const options: uPlot.Options = {
      width: Math.max(120, box.clientWidth),
      height,
      legend: { show: false },
      padding: [6, 6, 0, 0],
      cursor: { sync: { key: sync.key }, points: { show: false }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { time: true },
        y: { range: (_, low, high) => [min, max ?? Math.max(high ?? 0, low ?? 0, Number.EPSILON) * 1.1] }
      },
      series: [
        {},
        ...order.map((i): uPlot.Series => ({
          stroke: resolved(series[i]!.colour),
          width: stacked ? 0 : 1.5,
          points: { show: false },
          spanGaps: false,
          ...(stacked ? { fill: resolved(series[i]!.colour) } : {})
        }))
      ],
      axes: [
        {
          stroke: text,
          font: "10.5px system-ui",
          size: 20,
          gap: 3,
          space: 60,
          grid: { show: false },
          ticks: { show: false },
          // Marks that are seconds apart would all show the same minute.
          values: (_, all) => all.map((second) => clock(second * 1_000, all.some((each) => each % 60 !== 0)))
        },
        {
          stroke: text,
          font: "10.5px system-ui",
          size: 46,
          gap: 4,
          space: 34,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          values: (_, all) => all.map(axis)
        }
      ],
      hooks: {
        setCursor: [(plot) => tell(plot.cursor.idx)],
        draw: [(plot) => {
          const { ctx } = plot
          ctx.save()
          ctx.strokeStyle = resolved("bad")
          ctx.setLineDash([2, 3])
          for (const mark of marks) {
            const x = Math.round(plot.valToPos(mark / 1_000, "x", true))
            ctx.beginPath()
            ctx.moveTo(x, plot.bbox.top)
            ctx.lineTo(x, plot.bbox.top + plot.bbox.height)
            ctx.stroke()
          }
          ctx.restore()
        }]
      }
    }
    const data = [times.map((at) => at / 1_000), ...order.map((i) => shown[i]!)] as uPlot.AlignedData // numbers and gaps
    const plot = new uPlot(options, data, box)
    drawn.push(plot)
    box.onkeydown = (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return
      event.preventDefault()
      const from = plot.cursor.idx ?? times.length - 1
      const to = Math.min(times.length - 1, Math.max(0, from + (event.key === "ArrowLeft" ? -1 : 1)))
      plot.setCursor({ left: plot.valToPos((times[to] ?? 0) / 1_000, "x"), top: 10 })
      tell(to)
    }
    new ResizeObserver(() => plot.setSize({ width: Math.max(120, box.clientWidth), height })).observe(box)
  }
  // Its place determines its width.
  requestAnimationFrame(() => {
    if (box.isConnected) draw()
  })
  return h("figure.panel.chart", {}, h("figcaption", {}, h("span", {}, bold(title), when), legend), box)
}
