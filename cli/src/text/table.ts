/** Rows in columns. */
import { printable } from "./printable.js"
import type { Style } from "./style.js"

/** The content of a cell, and its style. */
export interface Cell {
  readonly text: string
  readonly style?: keyof Style | undefined
}

export interface Column {
  readonly title: string
  /** Numbers are aligned to the right. */
  readonly right?: boolean | undefined
}

const toCell = (cell: Cell | string): Cell => {
  const { style, text } = typeof cell === "string" ? { text: cell, style: undefined } : cell
  return { text: printable(text), style }
}

export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell | string>>,
  style: Style
): string => {
  const heading = columns.map(({ title }): Cell => ({ text: title, style: "dim" }))
  const all = [heading, ...rows.map((row) => row.map(toCell))]
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]?.text.length ?? 0)))
  const line = (row: ReadonlyArray<Cell>): string =>
    row.map(({ style: look, text }, i) => {
      const padded = columns[i]?.right === true ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)
      return look === undefined ? padded : style[look](padded)
    }).join("  ").trimEnd()
  return all.map(line).join("\n")
}
