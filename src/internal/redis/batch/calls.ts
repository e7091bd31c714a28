/** What waits to be sent: commands, reads that become one command, and what to call when each is answered. */
import type { RedisError } from "../../../CacheError.js"
import type { Script } from "../lua.js"
import { areValues, isOk } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { SetCommand, type Words } from "../resp/words.js"
import type { Callback } from "./sender.js"
import { large, maxExpected, type Sizes } from "./sizes.js"

/** The most keys of one `MGET`. */
export const maxReads = 1024

/** A command, and what to call with its answer. */
export interface Call {
  readonly operation: string
  readonly command: Words
  /** Sent with EVALSHA; if the server does not know it, it is sent again with its text. */
  readonly script: Script<unknown> | undefined
  /** Bytes of values that it carries. */
  readonly bytes: number
  /** How many bytes of large values its answer is expected to have. */
  readonly expected: number
  /** The only keys that it writes; `undefined`: not known. */
  readonly writes: ReadonlyArray<string | Buffer> | undefined
  /** Whether this is a valid reply to it; no other reaches the callback. */
  readonly fits: (reply: unknown) => boolean
  readonly callback: Callback<unknown>
}

/** The most frequent one: one object for each (`cache/prepare.ts` says why that pays). */
export class SetCall extends SetCommand implements Call {
  constructor(key: string, value: Buffer, life: number | undefined, readonly callback: Callback<unknown>) {
    super(key, value, life)
  }

  get operation(): string {
    return "set"
  }

  get command(): Words {
    return this
  }

  get script(): undefined {
    return undefined
  }

  get bytes(): number {
    return this.value.length
  }

  get expected(): number {
    return 0
  }

  get writes(): ReadonlyArray<string> {
    return [this.key]
  }

  fits(reply: unknown): boolean {
    return isOk(reply)
  }
}

/** A request for some of the values that are read together. Classes: `cache/prepare.ts` says why that pays. */
interface Reader {
  readonly answer: (values: ReadonlyArray<Buffer | undefined>) => void
  readonly callback: Callback<never>
}

class ReaderOfOne implements Reader {
  constructor(private readonly place: number, readonly callback: Callback<Buffer | undefined>) {}

  answer(values: ReadonlyArray<Buffer | undefined>): void {
    this.callback.answer(values[this.place])
  }
}

class ReaderOfMany implements Reader {
  constructor(
    /** `undefined`: the first `count`. */
    private readonly places: ReadonlyArray<number> | undefined,
    private readonly count: number,
    readonly callback: Callback<ReadonlyArray<Buffer | undefined>>
  ) {}

  answer(values: ReadonlyArray<Buffer | undefined>): void {
    const { count, places } = this
    if (places !== undefined) return this.callback.answer(places.map((place) => values[place]))
    this.callback.answer(values.length === count ? values : values.slice(0, count))
  }
}

const noKeys: ReadonlyArray<string> = []
const mget: ReadonlyArray<string> = ["mget"]
const noReaders: ReadonlyArray<Reader> = []

/** Keys that are read together, and which request needs which. */
export class Reads implements Call, Callback<unknown> {
  readonly operation = "get"
  readonly script = undefined
  readonly bytes = 0
  expected = 0
  readonly writes = noKeys
  /** Called before its readers get their answers. */
  onTold: (() => void) | undefined
  /** Where a key is in the command: it is sent once for all requests that need it. The first request needs no table. */
  private places: Map<string, number> | undefined

  readonly command: [name: string, ...keys: Array<string>]
  private readonly readers: Array<Reader> = noReaders.slice()

  private constructor(keys: string | ReadonlyArray<string>, private readonly sizes: Sizes) {
    this.command = mget.concat(keys) as [name: string, ...keys: Array<string>] // it begins with the name
  }

  static one(key: string, callback: Callback<Buffer | undefined>, sizes: Sizes): Reads {
    const reads = new Reads(key, sizes)
    reads.expected = sizes.of(key)
    reads.readers.push(new ReaderOfOne(0, callback))
    return reads
  }

  /** The same for many keys, at most `maxReads`. */
  static many(
    keys: ReadonlyArray<string>,
    callback: Callback<ReadonlyArray<Buffer | undefined>>,
    sizes: Sizes
  ): Reads {
    const reads = new Reads(keys, sizes)
    reads.expected = keys.length * sizes.of(keys[0]!)
    reads.readers.push(new ReaderOfMany(undefined, keys.length, callback))
    return reads
  }

  /** Whether there is room for this many more keys, the first of which is `key`. */
  takes(key: string, count: number): boolean {
    if (this.command.length + count > maxReads + 1) return false
    const more = count * this.sizes.of(key)
    // Small values do not wait together with large ones.
    return more === 0 ? this.expected === 0 : this.expected > 0 && this.expected + more <= maxExpected
  }

  /** Whether one of these keys is read. */
  reads(keys: ReadonlyArray<string | Buffer>): boolean {
    return keys.some((key) => this.command.includes(String(key), 1))
  }

  /** Whether the key was not there yet. */
  read(key: string, callback: Callback<Buffer | undefined>): boolean {
    const { length } = this.command
    this.readers.push(new ReaderOfOne(this.placeOf(key), callback))
    if (this.command.length === length) return false
    if (this.expected > 0) this.expected += this.sizes.of(key)
    return true
  }

  readMany(keys: ReadonlyArray<string>, callback: Callback<ReadonlyArray<Buffer | undefined>>): void {
    this.readers.push(new ReaderOfMany(keys.map((key) => this.placeOf(key)), keys.length, callback))
    if (this.expected > 0) this.expected += keys.length * this.sizes.of(keys[0]!)
  }

  private placeOf(key: string): number {
    this.places ??= new Map(this.command.slice(1).map((other, i) => [other, i]))
    let place = this.places.get(key)
    if (place === undefined) {
      place = this.command.push(key) - 2
      this.places.set(key, place)
    }
    return place
  }

  get callback(): Callback<unknown> {
    return this
  }

  fits(reply: unknown): boolean {
    return areValues(reply, this.command.length - 1)
  }

  answer(reply: unknown): void {
    this.onTold?.()
    let largest = 0
    const values = (reply as ReadonlyArray<Buffer | null>).map((value) => { // it fits
      if (value === null) return undefined
      if (value.length > largest) largest = value.length
      return value
    })
    if (largest > large || this.expected > 0) this.sizes.learn(this.command, values)
    for (const reader of this.readers) reader.answer(values)
  }

  fail(error: RedisError): void {
    this.onTold?.()
    // Each is called once, whatever answer comes afterwards.
    for (const { callback } of this.readers.splice(0)) callback.fail(error)
  }

  /** The answer came after its readers had failed with a timeout. */
  learn(reply: unknown): void {
    if (this.fits(reply)) this.sizes.learn(this.command, reply as ReadonlyArray<Buffer | null>) // it fits
  }
}

export const bytesOf = (args: ReadonlyArray<Argument>): number => {
  let bytes = 0
  for (const argument of args) if (typeof argument === "object") bytes += argument.length
  return bytes
}
