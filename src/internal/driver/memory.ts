/**
 * The in-memory driver. Every operation is one synchronous step over a `MemoryServer`, which several drivers may share
 * as processes share a Redis. Time is Effect's `Clock`, read at every operation, so `TestClock.adjust` expires entries.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RedisError } from "../../CacheError.js"
import * as Epoch from "../entry/epoch.js"
import * as Entry from "../entry/format.js"
import * as Hold from "../entry/hold.js"
import { cacheEntryPrefix, cacheTagPrefix } from "../key/reserved.js"
import { clockOf } from "./clockOf.js"
import type {
  Driver,
  ExpireRequest,
  FillRequest,
  LeaseReply,
  LeaseRequest,
  Link,
  SwapReply,
  Watcher
} from "./driver.js"
import { endHold, hold } from "./memoryHolds.js"
import type { MemoryServer, Stored } from "./memoryServer.js"

const text = new TextEncoder()
const fromText = new TextDecoder()

/** A rough size of one entry in a table, without its key and bytes, for its memory. */
const entryOverhead = 64

/** One atomic step at the clock's present time. */
const step = <A, E = never, R = never>(f: (now: number) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => f(clockOf(fiber).unsafeCurrentTimeMillis()))

/** Reports inside one process cannot be late, and need no proof. */
const link: Link = { heartbeats: () => [], renew: () => {} }

const watch = (server: MemoryServer, prefix: string, watcher: Watcher): Effect.Effect<never> =>
  Effect.async((_resume) => {
    const end = server.watch((key) => {
      if (key === undefined) watcher.onChange(undefined)
      else if (key.startsWith(prefix)) watcher.onChange([key])
    })
    watcher.onLink(link)
    return end
  })

const memoryOf = (key: string, { bytes }: Stored): number => key.length + bytes.length + entryOverhead

const lifeOf = (stored: Stored, now: number): number | undefined =>
  stored.expires === Infinity ? undefined : stored.expires - now

/** An own end as a lease slot has it. */
const endOf = (expires: number): number => expires === Infinity ? 0 : expires

const expiry = (end: number): number => end === 0 ? Infinity : end

export const memory = (server: MemoryServer, prefix: string): Driver => {
  const lease = (request: LeaseRequest, kind: Entry.Kind, now: number): LeaseReply => {
    const { duration, force, key, life, seen, token, yields } = request
    const found = server.get(key, now)
    if (found !== undefined && Hold.isUnderWay(found.bytes, now)) return { _tag: "Barred" }
    const has = found !== undefined && Entry.isEntry(found.bytes) ? Entry.lease(found.bytes) : undefined
    if (has !== undefined && !force) {
      const state = Entry.leaseState(found!.bytes, now, life)
      if (state === "Held" || (state === "BackOff" && yields)) {
        return { _tag: "Held", millis: has.until - now, holder: has.token }
      }
    }
    const until = now + duration
    const granted = (bytes: Uint8Array): LeaseReply => ({
      _tag: "Granted",
      grant: { writeId: Entry.writeId(bytes), turn: server.nextTurn() }
    })
    const there = Entry.identity(found?.bytes, kind)
    if (found === undefined || there.length === 0) {
      // A marker whose lease goes to another load keeps its header, since there was no write.
      const marker = has === undefined ? Entry.marker(token, until) : Entry.withLease(found!.bytes, token, until, 0)
      server.set(key, marker, life, now)
      return granted(marker)
    }
    if (!force && !Entry.sameBytes(there, Entry.identity(seen, kind))) return { _tag: "Found" }
    // A counter has no slot for a lease, and a marker would take its place.
    if (kind === "counter") return { _tag: "Found" }
    // A lease in an entry's slot must not go with the entry: it stays at least as long, whatever its own end is.
    const end = has?.end ?? endOf(found.expires)
    server.put(key, {
      bytes: Entry.withLease(found.bytes, token, until, end),
      expires: Math.max(expiry(end), now + life)
    })
    return granted(found.bytes)
  }

  const fill = ({ bytes, key, leaseLife, life, replaces, token }: FillRequest, now: number): boolean => {
    const found = server.get(key, now)
    if (found === undefined || !Entry.isEntry(found.bytes) || Entry.isHold(found.bytes)) return false
    const has = Entry.lease(found.bytes)
    if (has !== undefined && Entry.sameBytes(has.token, token)) {
      if (bytes === undefined) server.delete(key)
      else server.set(key, bytes, life, now)
      return true
    }
    const unchanged = replaces !== undefined &&
      (Entry.sameBytes(Entry.writeId(found.bytes), replaces.writeId) ||
        Entry.isOvertakenBefore(found.bytes, replaces.turn))
    if (!unchanged) return false
    const holder = has === undefined || Entry.sameBytes(has.token, Entry.noToken) ? undefined : has
    if (bytes === undefined) {
      if (holder === undefined) server.delete(key)
      else server.set(key, Entry.overtaken(Entry.marker(holder.token, holder.until), replaces.turn), leaseLife, now)
      return true
    }
    const stored = Entry.overtaken(bytes, replaces.turn)
    if (holder === undefined) server.set(key, stored, life, now)
    else {
      // The other load keeps its lease.
      const leased = Entry.withLease(stored, holder.token, holder.until, life === undefined ? 0 : now + life)
      server.set(key, leased, life === undefined ? undefined : Math.max(life, leaseLife), now)
    }
    return true
  }

  /** Unless it is a hold. */
  const take = (key: string, now: number): Uint8Array | undefined => {
    const bytes = server.get(key, now)?.bytes
    if (bytes !== undefined && !Entry.isHold(bytes)) server.delete(key)
    return bytes
  }

  const remove = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Uint8Array | undefined>> =>
    step((now) => Effect.succeed(keys.map((key) => take(key, now))))

  const expire = ({ key, windows, writeId }: ExpireRequest, now: number): Uint8Array | undefined => {
    const found = server.get(key, now)
    if (found === undefined || !Entry.isEntry(found.bytes) || Entry.isHold(found.bytes)) return found?.bytes
    const own = expiry(Entry.lease(found.bytes)?.end ?? endOf(found.expires))
    const ends = windows !== undefined && Entry.isFreshAt(found.bytes, now) ? Math.min(own, now + windows) : own
    if (Entry.isMarker(found.bytes) || ends <= now) server.delete(key)
    else server.put(key, { bytes: Entry.expired(found.bytes, writeId, now), expires: ends })
    return found.bytes
  }

  return {
    prefix,
    breaker: undefined,
    // Effect's clock, for the store and all its users: there is no offset to measure, and no sleep that only one
    // notices.
    unsafeNow: (clock) => clock.unsafeCurrentTimeMillis(),
    unsafeMonotonic: (clock) => clock.unsafeCurrentTimeMillis(),
    unsafeConnections: () => 1,
    unsafeOnReconnect: () => {},
    get: (key, reply) => step((now) => reply.onSuccess(server.get(key, now)?.bytes, now, key)),
    getMany: (keys, reply) =>
      step((now) => reply.onSuccess(keys.map((key) => server.get(key, now)?.bytes), now, keys[0] ?? "")),
    set: (write, reply) =>
      step((now) => {
        server.set(write.key, write.bytes, write.life, now)
        return reply.onSuccess(undefined, now, write.key)
      }),
    setMany: (writes, reply) =>
      step((now) => {
        for (const write of writes) server.set(write.key, write.bytes, write.life, now)
        return reply.onSuccess(undefined, now, writes[0]?.key ?? "")
      }),
    take: remove,
    remove,
    discard: (keys) => Effect.as(remove(keys), { failed: [], error: undefined }),
    lease: (requests, kind) => step((now) => Effect.succeed(requests.map((request) => lease(request, kind, now)))),
    fill: (requests) => step((now) => Effect.succeed(requests.map((request) => fill(request, now)))),
    release: (requests) =>
      step((now) => {
        for (const { backOff, key, token } of requests) {
          const found = server.get(key, now)
          if (found === undefined || !Entry.isLeasedBy(found.bytes, token)) continue
          const end = Entry.lease(found.bytes)!.end
          if (Entry.isMarker(found.bytes)) server.delete(key)
          else if (backOff === undefined) {
            server.put(key, { bytes: Entry.withoutLease(found.bytes), expires: expiry(end) })
          } else {
            server.put(key, {
              bytes: Entry.withLease(found.bytes, Entry.noToken, now + backOff, end),
              expires: Math.max(expiry(end), now + backOff)
            })
          }
        }
        return Effect.void
      }),
    renew: (requests) =>
      step((now) =>
        Effect.succeed(requests.map(({ duration, key, token }) => {
          const found = server.get(key, now)
          if (found === undefined || !Entry.isLeasedBy(found.bytes, token)) return false
          const { end } = Entry.lease(found.bytes)!
          const bytes = Entry.withLease(found.bytes, token, now + duration, end)
          server.put(key, { bytes, expires: Math.max(found.expires, now + duration) })
          return true
        }))
      ),
    swap: ({ bytes, key, life, seen }, kind) =>
      step((now): Effect.Effect<SwapReply> => {
        const found = server.get(key, now)
        const there = Entry.identity(found?.bytes, kind)
        // If a value was seen, it must still be there; if none was seen, the key may be absent in any way.
        const done = there.length === 0
          ? Entry.identity(seen, kind).length === 0
          : Entry.sameBytes(there, Entry.identity(seen, kind))
        if (!done) return Effect.succeed({ done, found: found?.bytes })
        if (bytes !== undefined) server.set(key, bytes, life, now)
        // Under a hold, the key is absent as requested, so the hold stays.
        else if (found === undefined || !Hold.isUnderWay(found.bytes, now)) server.delete(key)
        return Effect.succeed({ done, found: undefined })
      }),
    touch: ({ freshUntil, key, leaseLife, life, seen }, kind) =>
      step((now) => {
        const found = server.get(key, now)
        const there = Entry.identity(found?.bytes, kind)
        if (found === undefined || there.length === 0 || !Entry.sameBytes(there, Entry.identity(seen, kind))) {
          return Effect.succeed(false)
        }
        const bytes = found.bytes.slice()
        let expires = life === undefined ? Infinity : now + life
        if (kind === "entry") {
          Entry.writeUint48(bytes, Entry.freshUntilOffset, freshUntil)
          const has = Entry.lease(bytes)
          if (has !== undefined) {
            Entry.writeUint48(bytes, Entry.endOffset, endOf(expires))
            // A late load finds its lease as it would have without this.
            const needed = Entry.sameBytes(has.token, Entry.noToken) ? has.until : now + leaseLife
            expires = Math.max(expires, Math.min(found.expires, needed))
          }
        }
        server.put(key, { bytes, expires })
        return Effect.succeed(true)
      }),
    expire: (requests) => step((now) => Effect.succeed(requests.map((request) => expire(request, now)))),
    increment: ({ delta, key, life }) =>
      step((now) => {
        const found = server.get(key, now)
        const there = Entry.identity(found?.bytes, "counter")
        // Redis knows no -0, either.
        const sum = (there.length === 0 ? 0 : Number(fromText.decode(there))) + delta
        if (!Number.isSafeInteger(sum)) {
          return Effect.fail(
            new RedisError({
              reason: "Command",
              operation: "increment",
              cause: new Error("ERR increment would overflow")
            })
          )
        }
        const bytes = text.encode(String(sum))
        if (found === undefined || there.length === 0) server.set(key, bytes, life, now)
        else server.put(key, { bytes, expires: found.expires })
        return Effect.succeed(sum)
      }),
    ensureEpochs: (requests) =>
      step((now) =>
        Effect.succeed(requests.map(({ candidate, key, life, revive = false }) => {
          const found = server.get(key, now)
          if (found !== undefined && Entry.isHold(found.bytes) && !(revive && !Hold.isUnderWay(found.bytes, now))) {
            return found.bytes
          }
          if (!Epoch.isTagValue(found?.bytes)) {
            server.set(key, candidate, life, now)
            return candidate
          }
          const expires = life === undefined ? Infinity : now + life
          if (expires > found.expires) server.put(key, { bytes: found.bytes, expires })
          return Epoch.of(found.bytes)
        }))
      ),
    replaceEpochs: (requests) =>
      step((now) => {
        for (const { epoch, expire, key } of requests) {
          const found = server.get(key, now)
          if (found === undefined || Entry.isHold(found.bytes)) continue
          const bytes = expire ? Epoch.expired(found.bytes, now, epoch) : epoch
          server.put(key, { bytes, expires: found.expires })
        }
        return Effect.void
      }),
    hold: (request) => step((now) => Effect.sync(() => hold(server, request, now))),
    endHold: (request) => step((now) => Effect.sync(() => endHold(server, request, now))),
    scan: (scanned) => Stream.unwrap(step((now) => Effect.succeed(Stream.make(server.keys(scanned, now))))),
    clear: (cache) =>
      step((now) => {
        for (const key of server.keys(cacheTagPrefix(prefix, cache), now)) {
          if (Epoch.isTagOnly(server.get(key, now)!.bytes)) server.delete(key)
        }
        const entries = server.keys(cacheEntryPrefix(prefix, cache), now)
        const gone = entries.filter((key) => !Entry.isHold(take(key, now)!))
        return Effect.succeed(gone.length)
      }),
    heads: (keys, size) =>
      step((now) => Effect.succeed(keys.map((key) => server.get(key, now)?.bytes.subarray(0, size)))),
    watch: (watcher) => watch(server, prefix, watcher),
    inspect: (key) =>
      step((now) => {
        const found = server.get(key, now)
        return Effect.succeed(
          found === undefined ? undefined : {
            bytes: found.bytes,
            life: lifeOf(found, now),
            memory: memoryOf(key, found)
          }
        )
      }),
    measure: (keys, headSize) =>
      step((now) =>
        Effect.succeed(keys.map((key) => {
          const found = server.get(key, now)
          return found === undefined ? undefined : {
            head: found.bytes.subarray(0, headSize),
            size: found.bytes.length,
            life: lifeOf(found, now),
            memory: memoryOf(key, found)
          }
        }))
      ),
    servers: () => Effect.succeed([])
  }
}
