/** The page's requests to its server. Keys and values are in bodies, never in a URL. */
import type { Happening } from "../src/internal/inspector/answers.js"

export class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message)
  }
}

/** The address of the page, ending in a slash. */
const root = location.pathname.replace(/\/*$/, "/")

const answered = async <A>(response: Response): Promise<A> => {
  const body: unknown = await response.json().catch(() => ({}))
  if (response.ok) return body as A // it is this page's own server
  const { error } = body as { readonly error?: string }
  throw new Refusal(response.status, error ?? `The server answered with ${response.status}.`)
}

export const get = async <A>(path: string): Promise<A> => answered(await fetch(root + path))

export const post = async <A>(path: string, body: unknown, token?: string): Promise<A> =>
  answered(
    await fetch(root + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
      },
      body: JSON.stringify(body)
    })
  )

export const listen = (on: (event: Happening) => void, onLink: (isUp: boolean) => void): void => {
  const source = new EventSource(`${root}api/events`)
  let away: ReturnType<typeof setTimeout> | undefined
  source.onmessage = ({ data }: MessageEvent<string>) => on(JSON.parse(data) as Happening)
  source.onopen = () => {
    clearTimeout(away)
    onLink(true)
  }
  // The server ends each answer after a while; then the page asks again at once.
  source.onerror = () => {
    clearTimeout(away)
    away = setTimeout(() => onLink(false), 3_000)
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(on, onLink), 3_000)
  }
}
