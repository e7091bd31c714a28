/** Elements. All text enters as text nodes, so a key or a value is never markup. */
export type Child = Node | string | number | null | undefined | false | ReadonlyArray<Child>

type Attributes = Readonly<
  Record<string, string | number | boolean | null | undefined | ((event: any) => void)> // each event has its own type
>

const append = (element: Element, children: ReadonlyArray<Child>): void => {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue
    if (Array.isArray(child)) append(element, child as ReadonlyArray<Child>)
    else element.append(child instanceof Node ? child : String(child))
  }
}

const set = (element: Element, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === "function") element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? "" : String(value))
  }
}

/** `h("div.panel.pad", { id: "x" }, "text")` */
export const h = (selector: string, attributes: Attributes = {}, ...children: ReadonlyArray<Child>): HTMLElement => {
  const [name = "div", ...classes] = selector.split(".")
  const element = document.createElement(name)
  if (classes.length > 0) element.className = classes.join(" ")
  if (name === "button") element.setAttribute("type", "button")
  set(element, attributes)
  append(element, children)
  return element
}

const svgName = "http://www.w3.org/2000/svg"

export const svg = (name: string, attributes: Attributes, ...children: ReadonlyArray<Child>): Element => {
  const element = document.createElementNS(svgName, name)
  set(element, attributes)
  append(element, children)
  return element
}

export const put = (element: Element, ...children: ReadonlyArray<Child>): void => {
  element.replaceChildren()
  append(element, children)
}

export const one = (selector: string, root: ParentNode = document): HTMLElement => {
  const found = root.querySelector<HTMLElement>(selector)
  if (found === null) throw new Error(`${selector} is not in the page`)
  return found
}

export const all = (selector: string, root: ParentNode = document): ReadonlyArray<HTMLElement> => [
  ...root.querySelectorAll<HTMLElement>(selector)
]

/** Styles by name, because the page's policy forbids `style` attributes. */
export const styled = (element: HTMLElement, styles: Readonly<Record<string, string>>): HTMLElement => {
  for (const [name, value] of Object.entries(styles)) element.style.setProperty(name, value)
  return element
}

export const dim = (...children: ReadonlyArray<Child>): HTMLElement => h("span.dim", {}, ...children)
export const code = (...children: ReadonlyArray<Child>): HTMLElement => h("code", {}, ...children)
export const bold = (...children: ReadonlyArray<Child>): HTMLElement => h("b", {}, ...children)
export const paragraph = (...children: ReadonlyArray<Child>): HTMLElement => h("p", {}, ...children)
export const panel = (...children: ReadonlyArray<Child>): HTMLElement => h("section.panel", {}, ...children)
export const titled = (title: string, ...more: ReadonlyArray<Child>): HTMLElement =>
  h("header", {}, h("h2", {}, title), ...more)
export const empty = (...children: ReadonlyArray<Child>): HTMLElement => h("div.empty", {}, ...children)
export const link = (text: string, href: string): HTMLElement => h("a.link", { href }, text)

/** A state is recognizable by its shape and its word, not only by colour. */
export type Tone = "ok" | "warn" | "bad" | "load" | "busy" | "dim"

const shapes: Readonly<Record<Tone, string>> = {
  ok: "M4.5 .5a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  warn: "M4.5 .5 9 8.5H0z",
  bad: "M.5 .5h8v8h-8z",
  load: "M4.5 0 9 4.5 4.5 9 0 4.5z",
  busy:
    "M4.5 0a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zm0 1.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 1.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z",
  dim: "M.5 3.5h8v2h-8z"
}

export const glyph = (tone: Tone): HTMLElement =>
  h(
    `span.g.${tone}`,
    { "aria-hidden": "true" },
    svg(
      "svg",
      { width: 9, height: 9, viewBox: "0 0 9 9" },
      svg("path", { d: shapes[tone], fill: "currentColor", "fill-rule": "evenodd" })
    )
  )

export const badge = (tone: Tone, text: Child, boxed = false): HTMLElement =>
  h(`span.badge.${tone}${boxed ? ".box" : ""}`, {}, glyph(tone), text)

export const button = (text: Child, onclick: () => void, attributes: Attributes = {}): HTMLElement =>
  h("button.btn", { ...attributes, onclick }, text)

/** A column of a table: `k` its name in rows, `n` numbers, `w` and `ww` wide on a phone. */
export interface Column<A> {
  readonly label: Child
  readonly kind?: "k" | "n" | "w" | "ww" | "ck" | "hide"
  readonly sort?: string
  readonly title?: string
  readonly cell: (row: A) => Child
}

interface TableOptions<A> {
  readonly kind?: string
  readonly sorted?: { readonly by: string; readonly down: boolean }
  readonly onSort?: (by: string) => void
  readonly go?: (row: A) => string
  readonly rowClass?: (row: A) => string
  readonly foot?: Child
}

export const table = <A>(
  caption: string,
  columns: ReadonlyArray<Column<A>>,
  rows: ReadonlyArray<A>,
  { foot, go, kind = "", onSort, rowClass, sorted }: TableOptions<A> = {}
): HTMLElement => {
  const head = columns.map(({ kind, label, sort, title }) => {
    const isSorted = sorted !== undefined && sort !== undefined && sorted.by === sort
    return h(
      `th${kind === "n" ? ".n" : ""}`,
      {
        scope: "col",
        role: "columnheader",
        title,
        "aria-sort": isSorted ? (sorted.down ? "descending" : "ascending") : null
      },
      sort !== undefined && onSort !== undefined
        ? h("button", { onclick: () => onSort(sort) }, label, h("u", {}, isSorted ? (sorted.down ? "↓" : "↑") : ""))
        : h("span", {}, label)
    )
  })
  const body = rows.map((row) => {
    const href = go?.(row)
    return h(
      "tr",
      {
        role: "row",
        class: rowClass?.(row) ?? null,
        "data-go": href,
        onclick: href === undefined ? null : (event: MouseEvent) => {
          if ((event.target as Element).closest("a,button,input") === null) location.hash = href
        }
      },
      columns.map(({ cell, kind, label }) =>
        h(
          `td${kind === undefined ? "" : `.${kind}`}`,
          {
            role: "cell",
            "data-l": kind !== "k" && kind !== "ck" && typeof label === "string" && label !== "" ? label : null
          },
          cell(row)
        )
      )
    )
  })
  return h(
    `table.stack${kind === "" ? "" : `.${kind}`}`,
    { role: "table" },
    h("caption.vh", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h("tbody", { role: "rowgroup" }, body),
    foot
  )
}
