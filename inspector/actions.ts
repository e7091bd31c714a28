/** Actions that change something: always confirmed first, and never without the token. */
import { post, Refusal } from "./api.js"
import { button, code, h, one, paragraph, put } from "./dom.js"
import { state } from "./state.js"

const started = "effect-redis-cache inspect --actions"

const mounted = "actions: { token }"

let hiding: ReturnType<typeof setTimeout> | undefined

export const toast = (text: string): void => {
  one(".toast").textContent = text
  clearTimeout(hiding)
  hiding = setTimeout(() => {
    one(".toast").textContent = ""
  }, 5_000)
}

const readOnly = () => toast(`Read-only. To allow actions: ${started}, or mount the router with ${mounted}.`)

interface Question {
  readonly title: string
  readonly says: ReadonlyArray<string>
  readonly verb: string
  readonly danger?: boolean
}

/** With the token that is known, or the one that is typed. */
const ask = ({ danger = false, says, title, verb }: Question): Promise<string | null> =>
  new Promise((resolve) => {
    const dialog = one("dialog") as HTMLDialogElement // it is one
    const token = h("input", { type: "password", id: "token", autocomplete: "off", required: true }) as HTMLInputElement // it is one
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, title),
      h("ul", {}, says.map((line) => h("li", {}, line))),
      state.token === null
        ? h(
          "div.token",
          {},
          h("label", { for: "token" }, "Token, as the terminal printed it, or as the service configures it"),
          token
        )
        : null,
      h(
        "div.end",
        {},
        h("button.btn", { type: "button", autofocus: true, onclick: () => dialog.close("") }, "Cancel"),
        h(`button.btn.${danger ? "solid" : "go"}`, { type: "submit", value: "yes" }, verb)
      )
    )
    for (const submit of form.querySelectorAll("button.solid,button.go")) submit.setAttribute("type", "submit")
    put(dialog, form)
    dialog.setAttribute("aria-labelledby", "dialog-title")
    dialog.returnValue = ""
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "yes" ? state.token ?? token.value : null),
      { once: true }
    )
    dialog.showModal()
  })

export const perform = async (
  question: Question,
  action: Readonly<Record<string, unknown>>,
  then: (done: number) => string
): Promise<boolean> => {
  if (state.overview?.actions !== true) {
    readOnly()
    return false
  }
  const token = await ask(question)
  if (token === null) return false
  try {
    const { done } = await post<{ readonly done: number }>("api/act", action, token)
    state.token = token
    toast(then(done))
    return true
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) state.token = null
    toast(error instanceof Error ? error.message : String(error))
    return false
  }
}

/** A button that does not move, and says what is missing. */
export const actionButton = (text: string, run: () => void, danger = false): HTMLElement => {
  const allowed = state.overview?.actions === true
  const made = button(text, allowed ? run : readOnly, {
    "aria-disabled": allowed ? null : "true",
    title: allowed ? null : "Read-only"
  })
  if (danger) made.classList.add("danger")
  return made
}

export const readOnlyNote = (): HTMLElement | null =>
  state.overview?.actions === true
    ? null
    : paragraph(
      "Read-only. To allow actions: ",
      code(started),
      ", or mount the router with ",
      code(mounted),
      "."
    )
