/** A value as a tree that the reader can open and close. */
import type { Node as Tree } from "../src/internal/inspector/answers.js"
import { type Child, h } from "./dom.js"

const colours: Readonly<Record<string, string>> = {
  string: "ok",
  number: "busy",
  bigint: "busy",
  boolean: "load",
  null: "load",
  undefined: "load"
}

const plain = new Set(["string", "number", "bigint", "boolean", "null", "undefined"])

export const treeView = ({ entries, more, text, type }: Tree, name: string | null = null, open = true): HTMLElement => {
  const label: Child = name === null ? null : h("span.dim", {}, `${name}: `)
  if (entries === undefined) {
    const shown = type === "string" ? JSON.stringify(text ?? "") : text ?? ""
    return h(
      "div.l",
      {},
      label,
      h("span", { class: colours[type] ?? "busy" }, shown),
      plain.has(type) ? null : h("span.ty", {}, ` ${type}`),
      more === undefined ? null : h("span.ty", {}, ` … and ${more} more characters`)
    )
  }
  const size = entries.length + (more ?? 0)
  const kind = type === "object" ? `${size} ${size === 1 ? "field" : "fields"}` : `${type}, ${size}`
  return h(
    "details",
    { open },
    h("summary", {}, label, h("span.ty", {}, kind)),
    entries.map(([key, node]) => treeView(node, key, size <= 20 && name === null)),
    more === undefined ? null : h("div.l.ty", {}, `… and ${more} more`)
  )
}
