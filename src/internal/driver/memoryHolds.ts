/** The holds of updates in a `MemoryServer`: the same steps as the scripts of `redis/scripts.ts`. */
import * as Entry from "../entry/format.js"
import * as Hold from "../entry/hold.js"
import type { EndRequest, Holding, HoldRequest } from "./driver.js"
import type { MemoryServer } from "./memoryServer.js"

/** What a key's hold lists besides one update. */
interface Others {
  readonly claims: ReadonlyArray<Hold.Claim>
  /** Others hold, or have held. */
  readonly shared: boolean
  /** The update's own claim is listed. */
  readonly own: boolean
}

const nobody: Others = { claims: [], shared: false, own: false }

const othersAt = (server: MemoryServer, key: string, token: Uint8Array, now: number): Others => {
  const found = server.get(key, now)?.bytes
  if (found === undefined || !Entry.isHold(found)) return nobody
  const all = Hold.claims(found)
  const others = all.filter((claim) => !Entry.sameBytes(claim.token, token))
  return {
    claims: others.filter(({ until }) => until > now),
    shared: Hold.isShared(found) || others.length > 0,
    own: others.length < all.length
  }
}

const put = (
  server: MemoryServer,
  key: string,
  all: readonly [Hold.Claim, ...Array<Hold.Claim>],
  shared: boolean,
  outlives: number,
  now: number
): void => server.set(key, Hold.make(all, shared), Hold.lastEnd(all) - now + outlives, now)

/** The steps of one request, the generation's before the tags'. */
const each = (
  server: MemoryServer,
  { generation, keys, tags, tagsOutlive }: Holding,
  now: number,
  one: (key: string, outlives: number) => void
): void => {
  for (const key of keys) one(key, 0)
  const found = generation === undefined ? undefined : server.get(generation.key, now)
  if (found !== undefined) server.put(generation!.key, { bytes: generation!.epoch, expires: found.expires })
  for (const tag of tags) one(tag, tagsOutlive)
}

export const hold = (server: MemoryServer, request: HoldRequest, now: number): void => {
  const { duration, renews, token } = request
  const mine = { token, until: now + duration }
  each(server, request, now, (key, outlives) => {
    const { claims, own, shared } = othersAt(server, key, token, now)
    // A hold that is lost was missing for some time.
    put(
      server,
      key,
      claims.length === 0 ? [mine] : [claims[0]!, ...claims.slice(1), mine],
      shared || (renews && !own),
      outlives,
      now
    )
  })
}

export const endHold = (server: MemoryServer, request: EndRequest, now: number): number => {
  const { cancels, linger, token, writes } = request
  let written = 0
  each(server, request, now, (key, outlives) => {
    const { claims, own, shared } = othersAt(server, key, token, now)
    const write = writes.get(key)
    if (write !== undefined && own && !shared) {
      server.set(key, write.bytes, write.life, now)
      written++
      return
    }
    if (!own && cancels) return
    const [first, ...rest] = linger > 0 ? [...claims, { token, until: now + linger }] : claims
    if (first === undefined) server.delete(key)
    else put(server, key, [first, ...rest], shared, outlives, now)
  })
  return written
}
