/**
 * The operations of a driver, listed once for all wrappers: the name of each, the keys that it acts on, and how its
 * answer comes.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Driver, Holding, Reply } from "./driver.js"

/** Answers through a `Reply`. Wrapping it allocates nothing for each key. */
export type Hot<Input, Answer> = <A, E, R>(input: Input, reply: Reply<Answer, A, E, R>) => Effect.Effect<A, E, R>

export type Cold<Input extends ReadonlyArray<unknown>, A> = (...input: Input) => Effect.Effect<A, RedisError>

export type Paged = (prefix: string) => Stream.Stream<ReadonlyArray<string>, RedisError>

/** The properties of an operation that do not depend on its input. */
export interface Operation<in Input> {
  readonly name: string
  /** The keys that it acts on: those of its first argument; `every`: all keys that its argument stands for. */
  readonly keys: (input: Input) => ReadonlyArray<string>
  /** It is sent even while the breaker is open: the sooner a lease is released, the better. */
  readonly urgent: boolean
  /** What a real Redis is sent for it, as text without arguments. */
  readonly commands: string
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

const on = <Input>(
  name: string,
  keys: (input: Input) => ReadonlyArray<string>,
  commands: string,
  urgent = false
): Operation<Input> => ({ name, keys, commands, urgent })

/** The driver with each of its operations wrapped; everything else is unchanged. */
export const decorate = (driver: Driver, { cold, hot, paged }: Decoration): Driver => ({
  prefix: driver.prefix,
  unsafeNow: driver.unsafeNow,
  unsafeMonotonic: driver.unsafeMonotonic,
  unsafeConnections: driver.unsafeConnections,
  unsafePlace: driver.unsafePlace,
  unsafeOnReconnect: driver.unsafeOnReconnect,
  traced: driver.traced,
  breaker: driver.breaker,
  watch: driver.watch,
  get: hot(on("get", one, "MGET"), driver.get),
  getMany: hot(on("getMany", many, "MGET"), driver.getMany),
  set: hot(on("set", ofOne, "SET"), driver.set),
  setMany: hot(on("setMany", ofMany, "SET"), driver.setMany),
  take: cold(on("take", many, "EVALSHA take"), driver.take),
  remove: cold(on("remove", many, "EVALSHA remove"), driver.remove),
  // Redis is asked again and again whether what it has missed can be made good.
  discard: cold(on("discard", many, "EVALSHA discard", true), driver.discard),
  lease: cold(on("lease", ofMany, "EVALSHA lease"), driver.lease),
  fill: cold(on("fill", ofMany, "EVALSHA fill"), driver.fill),
  release: cold(on("release", ofMany, "EVALSHA release", true), driver.release),
  renew: cold(on("renew", ofMany, "EVALSHA renew"), driver.renew),
  swap: cold(on("swap", ofOne, "EVALSHA swap"), driver.swap),
  touch: cold(on("touch", ofOne, "EVALSHA touch"), driver.touch),
  expire: cold(on("expire", ofMany, "EVALSHA expire"), driver.expire),
  increment: cold(on("increment", ofOne, "EVALSHA increment"), driver.increment),
  ensureEpochs: cold(on("ensureEpochs", ofMany, "EVALSHA ensureEpochs"), driver.ensureEpochs),
  replaceEpochs: cold(on("replaceEpochs", ofMany, "EVALSHA replaceEpochs"), driver.replaceEpochs),
  hold: cold(on("hold", ofHolding, "EVALSHA hold"), driver.hold),
  endHold: cold(on("endHold", ofHolding, "EVALSHA endHold", true), driver.endHold),
  scan: paged(on("scan", ofAll, "SCAN"), driver.scan),
  clear: cold(on("clear", ofAll, "EVALSHA clear"), driver.clear),
  heads: cold(on("heads", many, "GETRANGE"), driver.heads),
  inspect: cold(on("inspect", one, "GET PTTL MEMORY"), driver.inspect),
  measure: cold(on("measure", many, "GETRANGE STRLEN PTTL MEMORY"), driver.measure),
  servers: cold(on("servers", ofNone, "INFO"), driver.servers)
})
