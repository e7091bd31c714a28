/** What the page asks its server, and what it is told. Keys and values are in bodies, never in a URL. */
export interface Rates {
  readonly hits: number
  readonly near: number
  readonly misses: number
  readonly writes: number
  readonly loads: number
  readonly failed: number
  readonly stale: number
  readonly joined: number
  readonly bypassed: number
  readonly undecodable: number
  readonly held: number
  readonly hitRatio: number | null
  readonly p50: number | null
  readonly p99: number | null
}

export interface CacheInfo {
  readonly name: string
  readonly keys: number | null
  readonly tags: number
  readonly memory: number | null
  readonly sample: {
    readonly keys: number
    readonly states: Readonly<Record<string, number>>
    readonly versions: ReadonlyArray<number>
    readonly lives: ReadonlyArray<number | null>
  } | null
  readonly ratios: ReadonlyArray<number | null>
  readonly rates: Rates | null
  readonly policy: Readonly<Record<string, unknown>> | null
  readonly refreshes: boolean
}

export interface Point {
  readonly at: number
  readonly near: number
  readonly redis: number
  readonly stale: number
  readonly misses: number
  readonly loads: number
  readonly failed: number
  readonly hitRatio: number | null
  readonly p50: number | null
  readonly p99: number | null
  readonly roundTrip: number | null
}

export interface Server {
  readonly address: string | null
  readonly version: string | null
  readonly uptime: number | null
  readonly role: string | null
  readonly memory: number | null
  readonly maxMemory: number | null
  readonly policy: string | null
  readonly evicted: number | null
  readonly clients: number | null
  readonly operations: number | null
  readonly roundTrip: number | null
  readonly clockOffset: number | null
}

export interface Process {
  readonly id: string
  readonly name: string
  readonly startedAt: number
  readonly publishedAt: number
  readonly every: number
  readonly loading: number
  readonly caches: number
}

export interface Overview {
  readonly title: string
  readonly prefix: string
  readonly actions: boolean
  readonly at: number
  readonly connection: {
    readonly failure: string | null
    readonly failingSince: number | null
    readonly circuit: "open" | "closed" | null
    readonly tracking: boolean
  }
  readonly servers: ReadonlyArray<Server>
  readonly survey: {
    readonly at: number | null
    readonly complete: boolean | null
    readonly foreign: number | null
    readonly failure: string | null
  }
  readonly points: ReadonlyArray<Point>
  readonly processes: ReadonlyArray<Process>
  readonly caches: ReadonlyArray<CacheInfo>
}

export interface Row {
  readonly key: string
  readonly text: string
  readonly state: string
  readonly size: number | null
  readonly memory: number | null
  readonly timeToLive: number | null
  readonly life: number
  readonly version: number | null
  readonly tags: ReadonlyArray<{ readonly name: string; readonly holds: boolean }>
}

export interface Tree {
  readonly type: string
  readonly text?: string
  readonly entries?: ReadonlyArray<readonly [name: string, node: Tree]>
  readonly more?: number
}

export interface Field {
  readonly offset: number
  readonly name: string
  readonly hex: string
  readonly means: string
  readonly tag?: string
}

export interface Look {
  readonly key: string
  readonly text: string
  readonly redisKey: string
  readonly state: string
  readonly reason: string
  readonly age: number | null
  readonly timeToLive: number | null
  readonly life: number | null
  readonly size: number
  readonly memory: number | null
  readonly version: number | null
  readonly loadTime: number | null
  readonly lease: { readonly token: string; readonly remaining: number } | null
  readonly holds: ReadonlyArray<{ readonly token: string; readonly remaining: number }>
  readonly holders: ReadonlyArray<{ readonly token: string; readonly process: string }>
  readonly tags: ReadonlyArray<{
    readonly name: string
    readonly holds: boolean
    readonly held: boolean
    readonly expired: number | null
    readonly epoch: string | null
    readonly now: string | null
  }>
  readonly windows: {
    readonly fresh: number | null
    readonly staleWhileRevalidate: number
    readonly staleIfError: number
  } | null
  readonly codecs: ReadonlyArray<string>
  readonly decodedBy: "bytes" | "definition"
  readonly value: Tree | null
  readonly header: ReadonlyArray<Field>
}

export interface Happening {
  readonly at: number
  readonly what: string
  readonly cache: string | null
  readonly key: string | null
  readonly text: string | null
}

export class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message)
  }
}

/** Where the page is, with a slash at its end. */
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
  // The server ends each answer after a while, and is asked again at once.
  source.onerror = () => {
    clearTimeout(away)
    away = setTimeout(() => onLink(false), 3_000)
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(on, onLink), 3_000)
  }
}
