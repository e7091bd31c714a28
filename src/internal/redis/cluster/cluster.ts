/**
 * A Redis Cluster: a connection to each of its masters, and the map of which has which slots.
 *
 * Each master has a connection like a single server (`connection.ts`), with batches of its own; `routing.ts` brings
 * commands to the servers of their keys. The map is read when a connection is lost, when a server answers that it
 * cannot serve a key, again and again while a master is unreachable, and now and then. What a server says about a slot
 * in a redirection holds until the next reading.
 *
 * The servers' clocks may differ, and what time it is must not depend on which of them was asked: server time here is
 * the median of the masters' clocks (`medianClock.ts`).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../driver/driver.js"
import { layerClosed } from "../batch/batch.js"
import type { Sender } from "../batch/sender.js"
import { LocalClock } from "../clocks/localClock.js"
import { MedianClock } from "../clocks/medianClock.js"
import { Connection } from "../connection/connection.js"
import * as RedisDriver from "../driver.js"
import { connectionError, timeoutError, toRedisError } from "../errors.js"
import type { Address, Nodes, Place } from "../port.js"
import type { Observer, Server, Servers } from "../servers.js"
import { areAtRest, nameOf, rangesOf } from "./look.js"
import { Member } from "./member.js"
import { RoutedSender, type Routes, type Target } from "./routing.js"
import { type Range, slotCount, slotOf, slotOfPrefix } from "./slots.js"

/** How often the map is read, in ms: while something is wrong, and otherwise. */
const troubledPause = 150
const calmPause = 10_000
/** If nothing was sent to a server without slots for this long, in ms, its connection is closed. */
const unneeded = 10_000

interface Options extends RedisDriver.Options {
  readonly nodes: Nodes
}

class Cluster implements Servers, Routes {
  readonly only = undefined
  readonly figures = undefined
  readonly commandTimeout: number
  readonly waiting: Routes["waiting"] = new Set()
  readonly clock: MedianClock
  private readonly nodes: Nodes
  private readonly members = new Map<string, Member>()
  private map: Array<Member | undefined> | undefined
  /** Slots have moved, and the listeners have not been notified yet. */
  private hasMoved = false
  /** All servers that are known, including replicas. */
  private known: ReadonlyArray<Address> = []
  private current: ReadonlyArray<Member> = []
  private moves = 0
  private made = 0
  private closed = false
  private firstLook: "none" | "under way" | "over" = "none"
  private failure: RedisError | undefined
  private looking: Promise<void> | undefined
  private nextLook: ReturnType<typeof setTimeout> | undefined
  private nextLookAt = Infinity
  private lookedAt = -Infinity
  private listeners: Array<() => void> = []
  private readonly observers = new Set<Observer>()
  private onceMore: () => void = () => {}

  constructor(private readonly options: Options) {
    this.commandTimeout = options.commandTimeout
    this.nodes = options.nodes
    this.clock = new MedianClock(
      new LocalClock(options.clocks),
      () => this.current.map(({ connection }) => connection.clock)
    )
  }

  // ---- what the driver needs

  at(key: string): Sender {
    return new RoutedSender(this, key)
  }

  placeOf(key: string | undefined): Place | undefined {
    const slot = key === undefined ? slotOfPrefix(this.options.prefix) : slotOf(key)
    return slot === undefined ? undefined : this.map?.[slot]?.client.place
  }

  masters(): ReadonlyArray<Server> {
    if (this.map === undefined) this.begin()
    const only = slotOfPrefix(this.options.prefix)
    if (only === undefined) return this.current
    const master = this.map?.[only]
    return master === undefined ? [] : [master]
  }

  async look(): Promise<number> {
    // A reading that is under way may have begun before the change that the caller needs to see.
    await this.looking
    await this.lookNow()
    if (this.failure !== undefined) throw this.failure
    return this.moves
  }

  /** A master that does not say so may be moving some. */
  async isMoving(): Promise<boolean> {
    return !(await areAtRest(this.current))
  }

  observe(observer: Observer): () => void {
    this.observers.add(observer)
    return () => void this.observers.delete(observer)
  }

  connections(): number {
    return this.made
  }

  onReconnect(listener: () => void): void {
    this.onceMore = listener
  }

  // ---- what commands on their way need

  masterOf(slot: number): Member | "soon" | "never" | undefined {
    if (this.closed) return "never"
    if (this.map !== undefined) return this.map[slot]
    if (this.firstLook === "over") return "never"
    this.begin()
    return "soon"
  }

  failed(operation: string): RedisError {
    return this.closed ? layerClosed(operation) : toRedisError(operation, this.failure?.cause)
  }

  onceKnown(listener: () => void): void {
    this.listeners.push(listener)
  }

  serverAt(address: Address): Member {
    return this.member(this.seen(address))
  }

  moved(slot: number, to: Target): void {
    const member = this.members.get(nameOf(to.address))
    if (this.map === undefined || member === undefined || this.map[slot] === member) return
    this.map[slot] = member
    if (this.hasMoved) return
    this.hasMoved = true
    // After a failover, thousands of redirections are read at once. The commands that are sent to the new master are
    // not answered before this runs.
    process.nextTick(this.settle)
  }

  astray(key: string): void {
    for (const observer of this.observers) observer.onAstray(key)
    this.lookSoon(0)
  }

  // ---- connecting

  /** Until the cluster was looked at, and each of its masters was connected to or could not be; fails if none could. */
  readonly connected = (timeout: number): Effect.Effect<void, RedisError> =>
    Effect.async<void, RedisError>((resume) => {
      this.onceKnown(() => {
        if (this.map === undefined) return resume(Effect.fail(this.failure ?? connectionError("connect", "no answer")))
        let open = this.current.length
        const decided = (): void => {
          if (--open === 0) resume(Effect.fail(this.current[0]!.connection.failure("connect")))
        }
        for (const { connection } of this.current) {
          if (connection.state() === "waiting") connection.onceDecided(decided)
          else decided()
        }
      })
      this.begin()
    }).pipe(
      Effect.timeoutFail({ duration: timeout, onTimeout: () => timeoutError("connect", timeout) }),
      // A master that refuses, or never answers, does not keep callers from the others.
      Effect.catchAll((error) =>
        this.current.some(({ connection }) => connection.state() === "ready") ? Effect.void : Effect.fail(error)
      )
    )

  close(): void {
    this.closed = true
    clearTimeout(this.nextLook)
    for (const journey of this.waiting) journey.end(layerClosed)
    for (const member of this.members.values()) this.drop(member)
  }

  private begin(): void {
    if (this.firstLook !== "none") return
    this.firstLook = "under way"
    void this.lookNow()
  }

  private member(address: Address): Member {
    const name = nameOf(address)
    const there = this.members.get(name)
    if (there !== undefined && there.client.status !== "end") {
      there.neededAt = performance.now()
      return there
    }
    if (there !== undefined) this.drop(there)
    const connection = new Connection(
      this.nodes.connect(address),
      this.clock.local,
      this.commandTimeout,
      () => this.lookSoon(0),
      this.options.logger
    )
    const member = new Member(address, connection, this.options.prefix, this.commandTimeout, () => this.lookSoon(0))
    this.members.set(name, member)
    connection.onReconnect(() => {
      this.made++
      this.onceMore()
    })
    connection.onMeasure(() => this.clock.tell())
    return member
  }

  private drop(member: Member): void {
    this.members.delete(nameOf(member.address))
    member.sender.close()
    member.forget()
    member.connection.close()
    if (!member.client.borrowed) member.client.disconnect()
  }

  private seen(address: Address): Address {
    const { natMap } = this.nodes
    const name = nameOf(address)
    return (typeof natMap === "function" ? natMap(name) : natMap?.[name]) ?? address
  }

  // ---- the map

  /** Looks within this many ms, or as soon as possible after the look that is under way. */
  private lookSoon(pause: number): void {
    if (this.closed || this.firstLook !== "over") return
    const now = performance.now()
    const at = Math.max(now + pause, this.lookedAt + troubledPause)
    if (this.nextLookAt <= at) return
    this.nextLookAt = at
    clearTimeout(this.nextLook)
    this.nextLook = setTimeout(() => void this.lookNow(), at - now)
    this.nextLook.unref()
  }

  private lookNow(): Promise<void> {
    clearTimeout(this.nextLook)
    this.nextLookAt = Infinity
    this.lookedAt = performance.now()
    this.looking ??= this.ask().then(
      (ranges) => this.take(ranges),
      (error: unknown) => {
        this.failure = toRedisError("connect", error)
      }
    ).finally(() => {
      this.looking = undefined
      this.firstLook = "over"
      const { listeners } = this
      this.listeners = []
      for (const listener of listeners) listener()
      const calm = this.map !== undefined && this.current.every(({ connection }) => connection.state() === "ready")
      this.lookSoon((calm ? calmPause : troubledPause) * (1 - Math.random() / 4))
    })
    return this.looking
  }

  private async ask(): Promise<ReadonlyArray<Range>> {
    const startNodes = await this.nodes.startNodes()
    return await rangesOf(this.nodes, startNodes, this.current, this.known)
  }

  private take(ranges: ReadonlyArray<Range>): void {
    if (this.closed) return
    this.failure = undefined
    this.known = ranges.flatMap(({ servers }) => servers.map((server) => this.seen(server)))
    const map = new Array<Member | undefined>(slotCount).fill(undefined)
    for (const { from, servers: [master], to } of ranges) map.fill(this.serverAt(master), from, to + 1)
    this.adopt(map)
    for (const member of this.members.values()) {
      const idle = performance.now() - member.neededAt > unneeded
      if (idle && !this.current.includes(member)) this.drop(member)
    }
  }

  private adopt(map: Array<Member | undefined>): void {
    const before = this.map
    this.map = map
    if (before === undefined || before.some((member, slot) => member !== map[slot])) this.hasMoved = true
    this.settle()
  }

  /** Notifies the listeners that slots have moved, if they have. */
  private readonly settle = (): void => {
    const { map } = this
    if (!this.hasMoved || this.closed || map === undefined) return
    this.hasMoved = false
    this.current = [...new Set(map.filter((member) => member !== undefined))]
    for (const member of this.current) {
      member.settle((slot) => map[slot] === member)
      member.connection.state() // connects
    }
    const isFirst = this.moves++ === 0
    this.made++
    this.clock.tell()
    for (const observer of this.observers) observer.onMove()
    if (!isFirst) this.onceMore()
  }
}

/** A driver on the masters of a cluster. `eager`: how long finding it and connecting to it may take, in ms. */
export const connect = (
  nodes: Nodes,
  options: RedisDriver.Options,
  eager: number | undefined
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    const cluster = yield* Effect.acquireRelease(
      Effect.sync(() => new Cluster({ ...options, nodes })),
      (opened) => Effect.sync(() => opened.close())
    )
    if (eager !== undefined) yield* cluster.connected(eager)
    return RedisDriver.make(cluster, options)
  })
