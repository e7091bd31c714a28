/** What waits to be sent: commands, reads that become one, and what to call when which is answered. */
import type { RedisError } from "../../../CacheError.js"
import type { Script } from "../lua.js"
import { areValues, isOk } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { SetCommand, type Words } from "../resp/words.js"
import type { Callback } from "./sender.js"

/** The most keys of one `MGET`. */
export const maxReads = 1024

/** A command, and what to call with its answer. */
export interface Call {
  readonly operation: string
  readonly command: Words
  /** Sent with EVALSHA; its text follows where the server does not know it. */
  readonly script: Script<unknown> | undefined
  /** Bytes of values that it carries. */
  readonly bytes: number
  /** Whether this is a reply to it; no other is told. */
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

  fits(reply: unknown): boolean {
    return isOk(reply)
  }
}

/** Wants the value of one place, or those of many; `undefined`: of the first `count`. */
type Reader =
  | { readonly place: number; readonly callback: Callback<Buffer | undefined> }
  | {
    readonly places: ReadonlyArray<number> | undefined
    readonly count: number
    readonly callback: Callback<ReadonlyArray<Buffer | undefined>>
  }

/** Keys that are read together, and which request wants which. */
export class Reads implements Call, Callback<unknown> {
  readonly operation = "get"
  readonly script = undefined
  readonly bytes = 0
  /** Where a key is in the command: the same key is asked for once, however many ask. The first to ask needs no table. */
  private places: Map<string, number> | undefined

  constructor(readonly command: [name: string, ...keys: Array<string>], private readonly readers: Array<Reader>) {}

  /** Whether there is room for so many more. */
  takes(count: number): boolean {
    return this.command.length + count <= maxReads + 1
  }

  read(key: string, callback: Callback<Buffer | undefined>): void {
    this.readers.push({ place: this.placeOf(key), callback })
  }

  readMany(keys: ReadonlyArray<string>, callback: Callback<ReadonlyArray<Buffer | undefined>>): void {
    this.readers.push({ places: keys.map((key) => this.placeOf(key)), count: keys.length, callback })
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
    const values = (reply as ReadonlyArray<Buffer | null>).map((value) => value ?? undefined) // it fits
    for (const reader of this.readers) {
      if ("place" in reader) reader.callback.answer(values[reader.place])
      else if (reader.places !== undefined) reader.callback.answer(reader.places.map((place) => values[place]))
      else reader.callback.answer(values.length === reader.count ? values : values.slice(0, reader.count))
    }
  }

  fail(error: RedisError): void {
    for (const { callback } of this.readers) callback.fail(error)
  }
}

export const bytesOf = (args: ReadonlyArray<Argument>): number => {
  let bytes = 0
  for (const argument of args) if (typeof argument === "object") bytes += argument.length
  return bytes
}
