/**
 * The operations of a driver, listed once for all that wrap one: of each its name, the keys that it acts on, and how its
 * answer comes.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Driver, Holding, Reply } from "./driver.js"

/** Answers through a `Reply`. One that is wrapped allocates nothing for each key. */
export type Hot<Input, Answer> = <A, E, R>(input: Input, reply: Reply<Answer, A, E, R>) => Effect.Effect<A, E, R>

export type Cold<Input extends ReadonlyArray<unknown>, A> = (...input: Input) => Effect.Effect<A, RedisError>

export type Paged = (prefix: string) => Stream.Stream<ReadonlyArray<string>, RedisError>

/** What is known of an operation, whatever it is asked. */
export interface Operation<in Input> {
  readonly name: string
  /** The keys that it acts on, those of its first argument; `every`: all that what it is given stands for. */
  readonly keys: (input: Input) => ReadonlyArray<string>
  /** Goes out whatever is known of the store: the sooner a lease is given up, the better. */
  readonly urgent: boolean
}

/** For an operation on keys that are not known before it is done. */
export const every: ReadonlyArray<string> = []

/** How each kind of operation is wrapped. Called once for each operation, when the driver is made. */
export interface Decoration {
  readonly hot: <Input, Answer>(operation: Operation<Input>, send: Hot<Input, Answer>) => Hot<Input, Answer>
  readonly cold: <First, Rest extends ReadonlyArray<unknown>, A>(
    operation: Operation<First>,
    send: Cold<readonly [First, ...Rest], A>
  ) => Cold<readonly [First, ...Rest], A>
  readonly paged: (operation: Operation<string>, send: Paged) => Paged
}

interface Keyed {
  readonly key: string
}

const one = (key: string): ReadonlyArray<string> => [key]
const many = (keys: ReadonlyArray<string>): ReadonlyArray<string> => keys
const ofOne = ({ key }: Keyed): ReadonlyArray<string> => [key]
const ofMany = (requests: ReadonlyArray<Keyed>): ReadonlyArray<string> => requests.map(({ key }) => key)
const ofNone = (): ReadonlyArray<string> => every
const ofHolding = ({ generation, keys, tags }: Holding): ReadonlyArray<string> =>
  generation === undefined ? [...keys, ...tags] : [...keys, generation.key, ...tags]
const ofAll = (): ReadonlyArray<string> => every

const on = <Input>(name: string, keys: (input: Input) => ReadonlyArray<string>, urgent = false): Operation<Input> => ({
  name,
  keys,
  urgent
})

/** The driver with each of its operations wrapped; all else of it is as it was. */
export const decorate = (driver: Driver, { cold, hot, paged }: Decoration): Driver => ({
  prefix: driver.prefix,
  unsafeNow: driver.unsafeNow,
  unsafeMonotonic: driver.unsafeMonotonic,
  unsafeConnections: driver.unsafeConnections,
  breaker: driver.breaker,
  watch: driver.watch,
  get: hot(on("get", one), driver.get),
  getMany: hot(on("getMany", many), driver.getMany),
  set: hot(on("set", ofOne), driver.set),
  setMany: hot(on("setMany", ofMany), driver.setMany),
  take: cold(on("take", many), driver.take),
  remove: cold(on("remove", many), driver.remove),
  lease: cold(on("lease", ofMany), driver.lease),
  fill: cold(on("fill", ofMany), driver.fill),
  release: cold(on("release", ofMany, true), driver.release),
  renew: cold(on("renew", ofMany), driver.renew),
  swap: cold(on("swap", ofOne), driver.swap),
  touch: cold(on("touch", ofOne), driver.touch),
  expire: cold(on("expire", ofMany), driver.expire),
  increment: cold(on("increment", ofOne), driver.increment),
  ensureEpochs: cold(on("ensureEpochs", ofMany), driver.ensureEpochs),
  replaceEpochs: cold(on("replaceEpochs", ofMany), driver.replaceEpochs),
  hold: cold(on("hold", ofHolding), driver.hold),
  endHold: cold(on("endHold", ofHolding, true), driver.endHold),
  scan: paged(on("scan", ofAll), driver.scan),
  clear: cold(on("clear", ofAll), driver.clear),
  heads: cold(on("heads", many), driver.heads),
  inspect: cold(on("inspect", one), driver.inspect),
  measure: cold(on("measure", many), driver.measure),
  servers: cold(on("servers", ofNone), driver.servers)
})
