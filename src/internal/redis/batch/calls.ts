/** What waits to be sent: commands, reads that become one, and who asked for which. */
import type { RedisError } from "../../../CacheError.js"
import { areValues, isOk } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { SetCommand, type Words } from "../resp/words.js"
import type { Script } from "../scripts.js"
import type { Asker } from "./sender.js"

/** The most keys of one `MGET`. */
export const maxReads = 1024

/** A command, and who asked for it. */
export interface Call {
  readonly operation: string
  readonly command: Words
  /** Sent with EVALSHA; its text follows where the server does not know it. */
  readonly script: Script<unknown> | undefined
  /** Bytes of values that it carries. */
  readonly bytes: number
  /** Whether this is a reply to it; no other is told. */
  readonly fits: (reply: unknown) => boolean
  readonly asker: Asker<unknown>
}

/** The most frequent one: one object for each (`cache/prepare.ts` says why that pays). */
export class SetCall extends SetCommand implements Call {
  constructor(key: string, value: Buffer, life: number | undefined, readonly asker: Asker<unknown>) {
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
  | { readonly place: number; readonly asker: Asker<Buffer | undefined> }
  | {
    readonly places: ReadonlyArray<number> | undefined
    readonly count: number
    readonly asker: Asker<ReadonlyArray<Buffer | undefined>>
  }

/** Keys that are read together, and who wants which. */
export class Reads implements Call, Asker<unknown> {
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

  read(key: string, asker: Asker<Buffer | undefined>): void {
    this.readers.push({ place: this.placeOf(key), asker })
  }

  readMany(keys: ReadonlyArray<string>, asker: Asker<ReadonlyArray<Buffer | undefined>>): void {
    this.readers.push({ places: keys.map((key) => this.placeOf(key)), count: keys.length, asker })
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

  get asker(): Asker<unknown> {
    return this
  }

  fits(reply: unknown): boolean {
    return areValues(reply, this.command.length - 1)
  }

  answer(reply: unknown): void {
    const values = (reply as ReadonlyArray<Buffer | null>).map((value) => value ?? undefined) // it fits
    for (const reader of this.readers) {
      if ("place" in reader) reader.asker.answer(values[reader.place])
      else if (reader.places !== undefined) reader.asker.answer(reader.places.map((place) => values[place]))
      else reader.asker.answer(values.length === reader.count ? values : values.slice(0, reader.count))
    }
  }

  fail(error: RedisError): void {
    for (const { asker } of this.readers) asker.fail(error)
  }
}

export const bytesOf = (args: ReadonlyArray<Argument>): number => {
  let bytes = 0
  for (const argument of args) if (typeof argument === "object") bytes += argument.length
  return bytes
}
