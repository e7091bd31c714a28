/**
 * A Redis Cluster: a connection to each of its masters, and the map of which has which slots.
 *
 * Each master is connected to and kept as a single server is (`connect.ts`), with a batch of its own; `redirects.ts`
 * brings commands to where their keys are. The map is looked at when a connection is lost, when a server answers that it
 * cannot serve a key, again and again while a master is away, and now and then. What a server says of a slot in a
 * redirection holds until the next look.
 *
 * The servers' clocks may differ, and what time it is must not depend on which of them was asked: server time here is
 * the median of the masters' clocks (`serverClock.ts`).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Cluster as ClusterClient, Redis as Client, type RedisOptions } from "ioredis"
import type { RedisError } from "../../../CacheError.js"
import type { Driver } from "../../../Driver.js"
import { Breaker } from "../../driver/breaker.js"
import { heartbeatKey } from "../../key/reserved.js"
import { Batcher, layerClosed, type Sender } from "./batch.js"
import { type Connection, type ConnectOptions, follow, open, ownOptions } from "./connect.js"
import * as IoredisDriver from "./driver.js"
import { LocalClock } from "./localClock.js"
import { RoutedSender, type Routes, type Target } from "./redirects.js"
import { connectionError, timeoutError, toRedisError } from "./redisErrors.js"
import { isNodes } from "./replies.js"
import { MedianClock } from "./serverClock.js"
import type { Observer, Server, Servers } from "./servers.js"
import { type Address, parseRanges, type Range, slotCount, slotOf, slotOfPrefix } from "./slots.js"
import { within } from "./within.js"

/** How often the map is looked at, in ms: while something is wrong, and otherwise. */
const troubledPause = 150
const calmPause = 10_000
/** How long one server may take to tell the map, in ms. */
const lookTimeout = 500
/** A server without slots is disconnected from when nothing was sent to it for so long, in ms. */
const unneeded = 10_000
/** So many servers are asked at once where there is no connection to any. */
const askedAtOnce = 5

const nameOf = ({ host, port }: Address): string => `${host}:${port}`

/** Where servers are, as others than they themselves see it. */
export type NatMap = Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined)

/** Where connections come from: of our own, or those of somebody else's cluster client. */
interface Pool {
  /** Those that are asked when no other answers. Fails where connections have been ended for good. */
  readonly startNodes: () => Promise<ReadonlyArray<Address>>
  readonly natMap: NatMap | undefined
  /** `onReadOnly`: a write met a replica. */
  readonly connect: (address: Address, local: LocalClock, onReadOnly: () => void) => Connection
  readonly disconnect: (connection: Connection) => void
  /** A client for one question: connects by itself, and not again. */
  readonly visitor: (address: Address) => Client
}

class Member implements Server, Target {
  readonly sender: Batcher
  readonly breaker = new Breaker(Math.random)
  neededAt = performance.now()
  /** A number that makes a hash tag of one of this server's slots. */
  private spot = ""

  constructor(
    readonly address: Address,
    readonly connection: Connection,
    private readonly prefix: string,
    commandTimeout: number
  ) {
    this.sender = new Batcher(connection, commandTimeout, slotOf)
  }

  get openFeed() {
    return this.connection.openFeed
  }

  readonly connections = (): number => this.connection.connections()

  readonly beacon = (id: string): string => heartbeatKey(this.prefix, id, this.spot)

  readonly isBeacon = (key: string): boolean => key.startsWith(this.beacon(""))

  /** It has these slots now. */
  settle(has: (slot: number) => boolean): void {
    // Where a hash tag in the prefix decides, all keys lie on one server.
    if (slotOfPrefix(this.prefix) !== undefined || (this.spot !== "" && has(slotOf(this.beacon(""))))) return
    for (let n = 0; n < 20 * slotCount; n++) {
      this.spot = `{${n}}`
      if (has(slotOf(this.beacon("")))) return
    }
  }
}

interface Options extends IoredisDriver.Options {
  readonly pool: Pool
}

class Cluster implements Servers, Routes {
  readonly only = undefined
  readonly commandTimeout: number
  readonly waiting: Routes["waiting"] = new Set()
  readonly clock: MedianClock
  private readonly pool: Pool
  private readonly members = new Map<string, Member>()
  private map: ReadonlyArray<Member | undefined> | undefined
  /** All servers that were heard of, replicas too. */
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
    this.pool = options.pool
    this.clock = new MedianClock(
      new LocalClock(options.clocks),
      () => this.current.map(({ connection }) => connection.clock)
    )
  }

  // ---- what the driver needs

  at(key: string): Sender {
    return new RoutedSender(this, key)
  }

  masters(): ReadonlyArray<Server> {
    if (this.map === undefined) this.begin()
    const only = slotOfPrefix(this.options.prefix)
    if (only === undefined) return this.current
    const master = this.map?.[only]
    return master === undefined ? [] : [master]
  }

  async look(): Promise<number> {
    await this.lookNow()
    if (this.failure !== undefined) throw this.failure
    return this.moves
  }

  /** Each master knows what it sends and receives. One that does not say may. */
  async isMoving(): Promise<boolean> {
    const asked = this.current.map(({ connection: { client } }) => within(client.call("CLUSTER", "NODES"), lookTimeout))
    const nodes = await Promise.all(asked).catch(() => undefined)
    return nodes?.every(isAtRest) !== true
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
    const map = [...this.map]
    map[slot] = member
    this.adopt(map)
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
          if (--open > 0) return
          const ready = this.current.some(({ connection }) => connection.state() === "ready")
          resume(ready ? Effect.void : Effect.fail(this.current[0]!.connection.failure("connect")))
        }
        for (const { connection } of this.current) {
          if (connection.state() === "waiting") connection.onceDecided(decided)
          else decided()
        }
      })
      this.begin()
    }).pipe(
      Effect.timeoutFail({ duration: timeout, onTimeout: () => timeoutError("connect", timeout) })
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
    if (there !== undefined && there.connection.client.status !== "end") {
      there.neededAt = performance.now()
      return there
    }
    if (there !== undefined) this.drop(there)
    const connection = this.pool.connect(address, this.clock.local, () => this.lookSoon(0))
    const member = new Member(address, connection, this.options.prefix, this.commandTimeout)
    this.members.set(name, member)
    connection.onReconnect(() => {
      this.made++
      this.onceMore()
    })
    connection.onMeasure(() => this.clock.tell())
    connection.client.on("close", this.onClose)
    return member
  }

  private drop(member: Member): void {
    this.members.delete(nameOf(member.address))
    member.sender.close()
    member.connection.client.off("close", this.onClose)
    member.connection.close()
    this.pool.disconnect(member.connection)
  }

  private readonly onClose = (): void => this.lookSoon(0)

  private seen(address: Address): Address {
    const { natMap } = this.pool
    const name = nameOf(address)
    return (typeof natMap === "function" ? natMap(name) : natMap?.[name]) ?? address
  }

  // ---- the map

  /** A look within so many ms, or as soon as may be after the one that is under way. */
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

  /** Asks a master, or where none answers those of whom one has heard. */
  private async ask(): Promise<ReadonlyArray<Range>> {
    const startNodes = await this.pool.startNodes()
    const ready = shuffled(this.current.filter(({ connection }) => connection.client.status === "ready"))
    for (const { address, connection } of ready.slice(0, 2)) {
      const ranges = await within(rangesOf(connection.client, address), lookTimeout).catch(() => [])
      if (ranges.length > 0) return ranges
    }
    const others = [...startNodes, ...shuffled(this.known).slice(0, askedAtOnce)]
    return await Promise.any(others.map((address) => this.visit(address))).catch((error: AggregateError) => {
      const errors = error.errors as ReadonlyArray<Error> // what `Promise.any` rejects with
      // What a server said tells more than that another did not answer.
      throw errors.find(isReply) ?? errors[0] ?? new Error("there are no nodes to connect to")
    })
  }

  private async visit(address: Address): Promise<ReadonlyArray<Range>> {
    const client = this.pool.visitor(address)
    let failure: Error | undefined
    client.on("error", (error) => (failure = error))
    try {
      const ranges = await rangesOf(client, address)
      if (ranges.length === 0) throw new Error(`${nameOf(address)} knows of no slots: is it part of a cluster?`)
      return ranges
    } catch (error) {
      if (failure === undefined || isReply(error)) throw error
      // The client says that it is closed; what closed it tells more.
      throw failure
    } finally {
      client.disconnect()
    }
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

  private adopt(map: ReadonlyArray<Member | undefined>): void {
    const before = this.map
    this.map = map
    if (before !== undefined && before.every((member, slot) => member === map[slot])) return
    this.current = [...new Set(map.filter((member) => member !== undefined))]
    for (const member of this.current) {
      member.settle((slot) => map[slot] === member)
      member.connection.state() // connects
    }
    this.moves++
    this.made++
    this.clock.tell()
    for (const observer of this.observers) observer.onMove()
    if (before !== undefined) this.onceMore()
  }
}

const openDriver = (pool: Pool, options: IoredisDriver.Options, eager: number | undefined) =>
  Effect.gen(function*() {
    const cluster = yield* Effect.acquireRelease(
      Effect.sync(() => new Cluster({ ...options, pool })),
      (opened) => Effect.sync(() => opened.close())
    )
    if (eager !== undefined) yield* cluster.connected(eager)
    return IoredisDriver.make(cluster, options)
  })

/** A client that asks one thing. */
const visitor = (target: RedisOptions, { host, port }: Address, connectTimeout: number): Client =>
  new Client({
    ...target,
    ...ownOptions,
    host,
    port,
    connectTimeout,
    commandTimeout: connectTimeout,
    enableOfflineQueue: true,
    enableReadyCheck: false,
    lazyConnect: false,
    retryStrategy: () => null
  })

export interface ClusterOptions extends ConnectOptions {
  readonly natMap: NatMap | undefined
}

/** A driver on connections of its own, closed with the scope. */
export const connectCluster = (
  nodes: ReadonlyArray<Address>,
  target: RedisOptions,
  options: ClusterOptions
): Effect.Effect<Driver, RedisError, Scope.Scope> =>
  openDriver(
    {
      startNodes: () => Promise.resolve(nodes),
      natMap: options.natMap,
      connect: (address, local, onReadOnly) => open({ ...target, ...address }, options, local, onReadOnly),
      disconnect: ({ client }) => client.disconnect(),
      visitor: (address) => visitor(target, address, options.connectTimeout)
    },
    options,
    options.lazy ? undefined : options.connectTimeout
  )

/**
 * A driver on the connections of somebody else's cluster client, which is never closed here. Where that has none to a
 * server, since it has not noticed yet that it is there, or that it is back, there is one of our own.
 */
export const borrowCluster = (
  client: ClusterClient,
  options: IoredisDriver.Options & { readonly connectTimeout: number }
): Effect.Effect<Driver, RedisError, Scope.Scope> => {
  const ours = new WeakSet<Connection>()
  const target: RedisOptions = client.options.redisOptions ?? {}
  const lent = (): ReadonlyArray<readonly [Address, Client]> =>
    client.nodes().flatMap((node) => {
      const { host, port } = node.options
      return host === undefined || port === undefined || node.status === "end" ? [] : [[{ host, port }, node]]
    })
  return openDriver(
    {
      startNodes: async () => {
        if (client.status === "end") throw new Error("the cluster client has been closed")
        // It is lazy, and somebody needs it now. A failure shows as nodes that do not answer.
        if (client.status === "wait") client.connect().catch(() => undefined)
        if (client.nodes().length === 0) {
          await within(new Promise((resolve) => client.once("+node", resolve)), options.connectTimeout)
        }
        return lent().map(([address]) => address)
      },
      natMap: client.options.natMap,
      connect: (address, local, onReadOnly) => {
        const found = lent().find(([{ host, port }]) => host === address.host && port === address.port)
        if (found !== undefined) return follow(found[1], options, local)
        const connection = open({ ...target, ...address }, options, local, onReadOnly)
        ours.add(connection)
        return connection
      },
      disconnect: (connection) => {
        if (ours.has(connection)) connection.client.disconnect()
      },
      visitor: (address) => visitor(target, address, options.connectTimeout)
    },
    options,
    // It may have lost its connections long ago, or end them at any time: as with a single client, that is its owner's.
    undefined
  )
}

const isReply = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError"

const rangesOf = async (client: Client, address: Address): Promise<ReadonlyArray<Range>> =>
  parseRanges(await client.call("CLUSTER", "SLOTS"), address)

/** Of a node that neither sends nor receives slots; those stand in brackets after its own that do not move. */
const isAtRest = (nodes: unknown): boolean =>
  isNodes(nodes) && String(nodes).split("\n").some((line) => line.includes("myself") && !line.includes("["))

const shuffled = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all.map((one) => [Math.random(), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one)
