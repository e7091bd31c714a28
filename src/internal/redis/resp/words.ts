/** Commands before they are bytes, and whole batches of them as bytes. */
import type { Write } from "../../driver/driver.js"
import { type Argument, Request, roomFor, roomForHead } from "./request.js"

/** The name is in lower case: the client looks it up in its tables several times, and has it in lower case there. */
export type Words = SetCommand | readonly [name: string, ...args: Array<Argument>]

/** One SET. There are so many that an array for each would be expensive (`cache/prepare.ts` says why). */
export class SetCommand {
  constructor(
    readonly key: string,
    readonly value: Buffer,
    /** In ms. */
    readonly life: number | undefined
  ) {}

  get words(): readonly [name: string, ...args: Array<Argument>] {
    return this.life === undefined
      ? ["set", this.key, this.value]
      : ["set", this.key, this.value, "PX", this.life]
  }

  get room(): number {
    return roomForHead + roomFor("set") + roomFor(this.key) + roomFor(this.value) + roomFor("PX") + roomFor(0)
  }

  addTo(request: Request): void {
    request.begin(this.life === undefined ? 3 : 5)
    request.add("set")
    request.add(this.key)
    request.add(this.value)
    if (this.life === undefined) return
    request.add("PX")
    request.add(this.life)
  }
}

/** The same bytes, as what the platform writes best. */
export const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const setCommand = ({ bytes, key, life }: Write): SetCommand => new SetCommand(key, toBuffer(bytes), life)

export const nameOf = (command: Words): string => command instanceof SetCommand ? "set" : command[0]

export const encode = (batch: ReadonlyArray<Words>): string | Buffer => {
  // Text stays text: the socket writes it without a copy of ours.
  if (isText(batch)) return batch.map(textOf).join("")
  const request = new Request(batch.reduce((room, words) => room + roomOf(words), 0))
  for (const words of batch) {
    if (words instanceof SetCommand) words.addTo(request)
    else {
      request.begin(words.length)
      for (const word of words) request.add(word)
    }
  }
  return request.result()
}

type TextWords = ReadonlyArray<string | number>

const isText = (batch: ReadonlyArray<Words>): batch is ReadonlyArray<TextWords & Words> =>
  batch.every((words) => !(words instanceof SetCommand) && words.every((word) => typeof word !== "object"))

const textOf = (words: TextWords): string => {
  let text = `*${words.length}\r\n`
  for (const word of words) {
    const written = String(word)
    text += `$${Buffer.byteLength(written)}\r\n${written}\r\n`
  }
  return text
}

const roomOf = (words: Words): number => {
  if (words instanceof SetCommand) return words.room
  let room = roomForHead
  for (const word of words) room += roomFor(word)
  return room
}
