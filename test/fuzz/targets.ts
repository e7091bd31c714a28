/**
 * The code under test: everything that reads bytes from a store, and everything that makes keys from untrusted input.
 */
import {
  Cause,
  Chunk,
  Data,
  Duration,
  Effect,
  Either,
  Exit,
  FiberId,
  HashMap,
  HashSet,
  Layer,
  Logger,
  LogLevel,
  ManagedRuntime,
  Option,
  Redacted,
  Schema,
  Stream
} from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import { deflateSync, inflateSync } from "node:zlib"
import type * as CodecModule from "../../src/Codec.js"
import type { Target } from "./engine.js"
import type { Library } from "./instrument.js"
import { normal } from "./normal.js"
import { Reader } from "./values.js"

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"))

const show = (value: unknown): string => {
  const text = typeof value === "string" ? value : normal(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

const must = (holds: boolean, what: () => string): void => {
  if (!holds) throw new Error(what())
}

const mustBeSame = (what: string, actual: unknown, expected: unknown): void => {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} is not ${String(expected)}`)
}

const context = { key: "app:things:1", maxSize: 20_000 }

// ---- no input may change anything shared

const shared = [Object, Array, Function, String, Number, Map, Set, Date, Error, RegExp, Uint8Array, Promise, URL].map(
  ({ prototype }): object => prototype
)

const shapes = (): string =>
  JSON.stringify(shared.map((prototype) => [
    Reflect.ownKeys(prototype).map(String),
    shared.indexOf(Object.getPrototypeOf(prototype) as object)
  ]))

const untouched = shapes()

/** What an input may have done to the whole process. */
export const checkShared = (): void => must(shapes() === untouched, () => "a shared prototype was changed")

// ---- entries

interface GoldenEntry {
  readonly hex: string
}

const golden = (): ReadonlyArray<Uint8Array> =>
  (JSON.parse(readFileSync(new URL("../entry/golden/entries.json", import.meta.url), "utf8")) as ReadonlyArray<
    GoldenEntry
  >)
    .map(({ hex }) => fromHex(hex))

interface Parsed {
  readonly freshUntil: bigint
  readonly until: bigint
  readonly tags: ReadonlyArray<readonly [name: Buffer, epoch: string]>
  readonly payload: Buffer
}

/** The documented format, read by different code; `undefined` for bytes that are not a whole entry. */
const parsed = (bytes: Buffer): Parsed | undefined => {
  const six = (at: number): bigint => BigInt(`0x${bytes.subarray(at, at + 6).toString("hex")}`)
  const flags = bytes[1]!
  let rest = bytes.subarray(flags & 2 ? 36 : 16)
  const tags: Array<readonly [Buffer, string]> = []
  if (flags & 4) {
    if (rest.length === 0) return undefined
    const count = rest[0]!
    rest = rest.subarray(1)
    for (let i = 0; i < count; i++) {
      if (rest.length === 0 || rest.length < 1 + rest[0]! + 8) return undefined
      const end = 1 + rest[0]!
      tags.push([rest.subarray(1, end), rest.subarray(end, end + 8).toString("hex")])
      rest = rest.subarray(end + 8)
    }
  }
  return {
    freshUntil: six(9),
    until: flags & 2 ? six(24) : 0n,
    tags,
    payload: rest
  }
}

const entryTarget = ({ entry: Entry, randomBytes: { RandomBytes } }: Library): Target => {
  const source = new RandomBytes()
  const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const hex = (bytes: Uint8Array | undefined): string =>
    bytes === undefined ? "none" : Buffer.from(bytes).toString("hex")
  return {
    name: "entry",
    seeds: [...golden(), fromHex("e104 0000 0102030405 000000000000 00 01 04 efbbbf61 0102030405060708 01")],
    words: [fromHex("e1"), fromHex("e106"), fromHex("0102030405060708"), fromHex("ffffffffffff"), bytesOf("-9007199")],
    run: (input) => {
      const bytes = Buffer.from(input)
      const marker = Entry.isMarker(bytes)
      const [first, flags = 0] = bytes
      const isEntry = first === 0xe1 && bytes.length >= (flags & 2 ? 36 : 16)
      mustBeSame("isEntry", Entry.isEntry(bytes), isEntry)
      mustBeSame("isMarker", marker, isEntry && (flags & 1) === 1)
      mustBeSame("hasTags", Entry.hasTags(bytes), first === 0xe1 && (flags & 4) === 4)
      mustBeSame(
        "identity of a counter",
        hex(Entry.identity(bytes, "counter")),
        /^(?:0|-?[1-9]\d*)$/.test(bytes.toString("latin1")) && bytes.length <= 17 ? hex(bytes) : ""
      )
      mustBeSame("identity", hex(Entry.identity(bytes, "entry")), isEntry && !marker ? hex(bytes.subarray(4, 9)) : "")
      // The tags of whatever has tags, even if it is too short for a header.
      const tags = Entry.tags(bytes)
      const offset = Entry.payloadOffset(bytes)
      if (!isEntry) return
      const expected = parsed(bytes)
      mustBeSame("tags that are whole", tags !== undefined, expected !== undefined)
      mustBeSame("a payload that is there", offset !== undefined, expected !== undefined)
      const held = (flags & 2) === 2 ? hex(bytes.subarray(16, 24)) : undefined
      mustBeSame("isLeasedBy", Entry.isLeasedBy(bytes, token), held === hex(token))
      const leased = Entry.withLease(bytes, token, 1_700_000_000_000, 1_700_000_060_000)
      mustBeSame("a lease's token", hex(Entry.lease(leased)?.token), hex(token))
      mustBeSame("a lease's end", Entry.lease(leased)?.until, 1_700_000_000_000)
      mustBeSame("an entry's own end", Entry.lease(leased)?.end, 1_700_000_060_000)
      mustBeSame("without a lease", hex(Entry.withoutLease(leased)), hex(Entry.withoutLease(bytes)))
      if (expected === undefined || tags === undefined || offset === undefined) return
      mustBeSame("freshUntil", BigInt(Entry.freshUntil(bytes)), expected.freshUntil)
      mustBeSame("a lease's end", BigInt(Entry.lease(bytes)?.until ?? 0), expected.until)
      mustBeSame("payload", hex(bytes.subarray(offset)), hex(expected.payload))
      mustBeSame("a lease changes no payload", hex(leased.subarray(Entry.payloadOffset(leased))), hex(expected.payload))
      mustBeSame("how many tags", tags.length, expected.tags.length)
      for (const [i, tag] of tags.entries()) {
        mustBeSame("epoch", hex(tag.epoch), expected.tags[i]![1])
        const name = expected.tags[i]![0]
        const isText = Buffer.from(name.toString()).equals(name)
        if (isText) mustBeSame("name", tag.name, name.toString())
      }
      // A decoded value can be written, because names that are not text are never written.
      if (!expected.tags.every(([name]) => Buffer.from(name.toString()).equals(name))) return
      const again = Entry.encode({
        version: Entry.version(bytes),
        freshUntil: Entry.freshUntil(bytes),
        loadMillis: Entry.loadMillis(bytes),
        failure: Entry.isFailure(bytes),
        tags,
        payload: bytes.subarray(offset)
      }, source)
      mustBeSame("a load's time", Entry.loadMillis(again), Entry.loadMillis(bytes))
      const second = parsed(Buffer.from(again))
      mustBeSame(
        "the same entry",
        JSON.stringify([
          hex(second?.payload),
          String(second?.freshUntil),
          second?.tags.map(([name, epoch]) => [hex(name), epoch])
        ]),
        JSON.stringify([
          hex(expected.payload),
          String(expected.freshUntil),
          expected.tags.map(([name, epoch]) => [hex(name), epoch])
        ])
      )
    }
  }
}

// ---- codecs

const equal = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b) || normal(a) === normal(b)

type Context = typeof context

/** Decodes; if that gives a value, writes it and reads it again. */
const checkCodec = <A>(codec: CodecModule.Codec<A>, input: Uint8Array, at: Context = context): Option.Option<A> => {
  const decoded = codec.decode(input, at)
  if (Either.isLeft(decoded)) {
    const { detail, path } = decoded.left
    must(
      path.startsWith("$") && detail !== "" && detail.length < 400,
      () => `an issue without words: ${path} ${detail}`
    )
    return Option.none()
  }
  const value = decoded.right
  const before = normal(value)
  const encoded = codec.encode(value, at)
  if (Either.isLeft(encoded)) {
    throw new Error(`read, and refused: ${encoded.left.detail} ${encoded.left.path} ${show(value)}`)
  }
  mustBeSame("writing changes nothing", normal(value), before)
  const again = codec.decode(encoded.right, at)
  if (Either.isLeft(again)) throw new Error(`written, and not read: ${again.left.detail} ${show(value)}`)
  must(equal(again.right, value), () => `${show(value)} came back as ${show(again.right)}`)
  return Option.some(value)
}

const structuralSamples: ReadonlyArray<unknown> = [
  { id: 123456, name: "Ada", roles: ["admin"], active: true, "é": null },
  [1, -1, 1.5, 300, 70_000, 2 ** 40, "x".repeat(40)],
  [undefined, -0, 1n, 2n ** 70n, -(2n ** 63n) - 1n, "\ud800", "\ufeffa", new Date(0), new Date(NaN)],
  Object.assign([1, , 3], {}),
  Object.assign(new Array<number>(2_000_000), { 7: 1 }),
  Object.assign(Object.create(null) as object, { a: 1 }),
  JSON.parse("{\"__proto__\":{\"polluted\":1},\"constructor\":{\"prototype\":{\"polluted\":1}}}"),
  new Map<unknown, unknown>([["a", new Set([1])], [{ b: 1 }, /a(b)/g]]),
  [
    new Uint8Array([1, 2]),
    Buffer.from("ab"),
    new Float64Array([1]),
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(2))
  ],
  [new URL("http://a/b"), new BigInt64Array(1), new Uint16Array(2)],
  new AggregateError([Object.assign(new TypeError("a", { cause: 1 }), { code: "E" })], "b"),
  [Option.some(1), Option.none(), Either.left(1), Either.right(2), Chunk.make(1, 2)],
  [Duration.seconds(1), Duration.nanos(5n), Duration.infinity],
  [HashMap.make(["a", 1]), HashSet.make(1, 2), Data.struct({ a: Data.tuple(1) })],
  [Exit.fail("x"), Exit.die(new Error("y")), Exit.succeed(1), Cause.empty],
  [Cause.sequential(Cause.fail(1), Cause.parallel(Cause.die(2), Cause.interrupt(FiberId.runtime(1, 2))))],
  [FiberId.none, FiberId.composite(FiberId.runtime(1, 2), FiberId.runtime(3, 4))]
]

const encodings = <A>(codec: CodecModule.Codec<A>, values: ReadonlyArray<A>): ReadonlyArray<Uint8Array> =>
  values.map((value) => Uint8Array.from(Either.getOrThrow(codec.encode(value, context))))

const structuralWords: ReadonlyArray<Uint8Array> = [
  ..."ONSTAMERUXJLGCHIFQB".split("").map((tag) => Uint8Array.of(0xc4, 1, tag.charCodeAt(0))),
  ..."u-bsdtmjn".split("").map((tag) => Uint8Array.of(0xc4, 9, tag.charCodeAt(0))),
  fromHex("dc0003"),
  fromHex("dd00000002"),
  fromHex("ddffffffff"),
  fromHex("dfffffffff"),
  fromHex("dbffffffff"),
  fromHex("c6ffffffff"),
  fromHex("ceffffffff"),
  fromHex("c4027500"),
  fromHex("c70100"),
  fromHex("d40100"),
  bytesOf("\xa9__proto__"),
  bytesOf("\xabconstructor"),
  bytesOf("\xa5Cause"),
  bytesOf("\xaaSequential"),
  bytesOf("\xa8Parallel"),
  bytesOf("\xa9Composite"),
  bytesOf("\xa4Fail"),
  bytesOf("\xa3Die"),
  bytesOf("\xa5Error"),
  bytesOf("\xa7message"),
  fromHex("cb7ff8000000000000"),
  fromHex("91"),
  fromHex("93"),
  fromHex("81a161")
]

const structuralTarget = ({ Codec }: Library): Target => {
  const codec = Codec.structural()
  return {
    name: "structural",
    seeds: encodings(codec, structuralSamples),
    words: structuralWords,
    run: (input) => {
      // Both kinds of bytes that a driver may pass.
      checkCodec(codec, Buffer.from(input))
      must(
        Either.isRight(codec.decode(Uint8Array.from(input), context)) ===
          Either.isRight(codec.decode(Buffer.from(input), context)),
        () => "a Buffer is read and the same bytes are not"
      )
    }
  }
}

const structuralValuesTarget = ({ Codec }: Library): Target => {
  const codec = Codec.structural()
  return {
    name: "structural values",
    seeds: structuralSeeds,
    words: [],
    run: (input) => {
      const value = new Reader(input).value()
      const encoded = codec.encode(value, context)
      if (Either.isLeft(encoded)) return
      const decoded = codec.decode(encoded.right, context)
      if (Either.isLeft(decoded)) throw new Error(`written, and not read: ${decoded.left.detail} ${show(value)}`)
      mustBeSame("came back", normal(decoded.right), normal(value))
    }
  }
}

class User extends Schema.Class<User>("User")({
  id: Schema.Int,
  name: Schema.String.pipe(Schema.maxLength(20)),
  joined: Schema.optional(Schema.Date),
  roles: Schema.Array(Schema.Literal("admin", "user")),
  extra: Schema.Record({ key: Schema.String, value: Schema.NumberFromString })
}) {}

interface Tree {
  readonly value: unknown
  readonly children: ReadonlyArray<Tree>
}

const Tree: Schema.Schema<Tree> = Schema.Struct({
  value: Schema.Unknown,
  children: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
})

const jsonWords = [
  "\"__proto__\":",
  "\"constructor\":",
  "\"\\u005f_proto__\":",
  "-0",
  "1e999",
  "1e21",
  "null",
  "true",
  "[]",
  "{}",
  "\"a\":",
  ",",
  "[[[[[[[[[[",
  "]]]]]]]]]]",
  "\"value\":",
  "\"children\":",
  "\"\\ud800\"",
  "\xef\xbb\xbf"
].map(bytesOf)

const jsonTarget = ({ Codec }: Library): Target => {
  const ada = new User({ id: 1, name: "Ada", joined: new Date(0), roles: ["admin"], extra: { a: 1 } })
  const users = Codec.json(User)
  const trees = Codec.json(Tree)
  const anything = Codec.json(Schema.Unknown)
  const optional = Codec.json(Schema.UndefinedOr(Schema.OptionFromNullOr(Schema.Number)))
  const tree: Tree = { value: [1, -0, "é"], children: [{ value: null, children: [] }] }
  return {
    name: "json",
    seeds: [
      ...encodings(users, [ada]),
      ...encodings(trees, [tree]),
      ...encodings(anything, [structuralSamples[6], [1, -0, "é\ufffd", null, { a: { b: [] } }]]),
      bytesOf("[".repeat(3_000)),
      bytesOf(`${"[".repeat(1_100)}${"]".repeat(1_100)}`)
    ],
    words: jsonWords,
    run: (input) => {
      checkJson(users, input)
      checkJson(trees, input)
      checkJson(anything, input)
      checkJson(optional, input)
    }
  }
}

/** Other programs' JSON may be nested deeper than ours, and may contain numbers that are infinite. */
const checkJson = <A>(codec: CodecModule.Codec<A>, input: Uint8Array): void => {
  const decoded = codec.decode(input, context)
  if (Either.isRight(decoded)) {
    const encoded = codec.encode(decoded.right, context)
    if (Either.isLeft(encoded) && /nested more than|cannot represent -?Infinity/.test(encoded.left.detail)) return
  }
  checkCodec(codec, input)
}

const compressedTarget = ({ Codec }: Library): Target => {
  const structural = Codec.structural()
  const codec = Codec.compressed(structural, { threshold: 0 })
  return {
    name: "compressed",
    seeds: [
      ...encodings(codec, structuralSamples),
      Uint8Array.from([1, ...deflateSync(Buffer.alloc(60_000, "a"))]),
      ...encodings(structural, structuralSamples).map((bytes) => Uint8Array.of(0xff, ...bytes))
    ],
    words: [fromHex("0178"), fromHex("789c"), ...structuralWords],
    run: (input) => {
      const read = checkCodec(codec, input)
      // Half of the inputs are compressed here, because no fuzzer finds a checksum by itself.
      if (input[0] === 0xff) {
        const inner = input.subarray(1)
        const packed = Uint8Array.from([1, ...deflateSync(inner)])
        const through = codec.decode(packed, context)
        const direct = structural.decode(Buffer.from(inner), context)
        must(Either.isRight(through) === Either.isRight(direct), () => "read only with, or only without, compression")
        const cut = codec.decode(packed, { ...context, maxSize: inner.length - 1 })
        must(inner.length === 0 || Either.isLeft(cut), () => "more was read than may be")
      }
      if (Option.isSome(read) && input[0] === 1) {
        must(inflateSync(input.subarray(1)).length <= context.maxSize, () => "more was read than may be")
      }
    }
  }
}

const encryptedTarget = ({ Codec }: Library): Target => {
  const key = new Uint8Array(32).fill(1)
  const keys = { current: { id: "b", key: Redacted.make(key) }, previous: [{ id: "a", key: new Uint8Array(32) }] }
  const structural = Codec.structural()
  const codec = Codec.encrypted(structural, keys)
  const onlyOld = Codec.encrypted(structural, { current: keys.previous[0]! })
  const stacked = structural.pipe(Codec.compressed({ threshold: 0 }), Codec.encrypted(keys))
  const backwards = structural.pipe(Codec.encrypted(keys), Codec.compressed({ threshold: 0 }))
  const all = [codec, onlyOld, stacked, backwards]
  return {
    name: "encrypted",
    seeds: [
      Uint8Array.of(0, 0, 1, 5),
      ...encodings(structural, structuralSamples).map((b) => Uint8Array.of(1, 3, 7, ...b))
    ],
    words: [fromHex("010161"), fromHex("010162"), ...structuralWords],
    run: (input) => {
      for (const each of all) must(Either.isLeft(each.decode(input, context)), () => "bytes of nobody's were opened")
      const [which = 0, at = 0, bits = 0] = input
      const plain = structural.decode(Buffer.from(input.subarray(3)), context)
      if (Either.isLeft(plain)) return
      const each = all[which % all.length]!
      const sealed = Buffer.from(Either.getOrThrow(each.encode(plain.right, context)))
      const opened = each.decode(sealed, context)
      must(Either.isRight(opened) && equal(opened.right, plain.right), () => "it does not open")
      must(Either.isLeft(each.decode(sealed, { ...context, key: "app:things:2" })), () => "it opens under another key")
      must(Either.isLeft(each.decode(sealed.subarray(0, at % sealed.length), context)), () => "a part of it opens")
      if (bits === 0) return
      const changed = Buffer.from(sealed)
      changed[at % changed.length] = changed[at % changed.length]! ^ bits
      const read = each.decode(changed, context)
      // A modified stream may still contain the same data.
      must(
        Either.isLeft(read) || (each === backwards && equal(read.right, plain.right)),
        () => "it opens though changed"
      )
    }
  }
}

const counterTarget = ({ Codec }: Library): Target => ({
  name: "counter",
  seeds: ["0", "-1", "42", "9007199254740991", "-9007199254740991", "9007199254740992", "007", "-0", "1e3", "+1", " 1"]
    .map(
      bytesOf
    ),
  words: ["9007199254740991", "-", "0", "e", "."].map(bytesOf),
  run: (input) => {
    const text = Buffer.from(input).toString("latin1")
    const expected = /^(?:0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) && text.length <= 17
    const read = checkCodec(Codec.counter, input)
    mustBeSame(`"${text}" is a counter`, Option.isSome(read), expected)
    if (Option.isSome(read)) mustBeSame("its text", String(read.value), text)
  }
})

// ---- keys

const structuralSeeds: ReadonlyArray<Uint8Array> = [
  ...Array.from({ length: 32 }, (_, kind) => Uint8Array.of(kind, 2, 1, 3, 1, 2, kind, 3, 1, 0, 4, 2)),
  Uint8Array.from({ length: 300 }, (_, i) => i * 7),
  Uint8Array.from({ length: 300 }, (_, i) => 7 + (i % 5))
]

const structuredKeysTarget = ({ key: Key }: Library): Target => {
  const textOf = (value: unknown): string | undefined => {
    const encoded = Key.encode(value)
    if (Either.isLeft(encoded)) {
      const { detail, path } = encoded.left
      must(path.startsWith("$") && detail !== "", () => `an issue without words: ${path} ${detail}`)
      return undefined
    }
    const text = encoded.right
    must(text.length <= 120, () => `a key of ${text.length} characters`)
    must(!/[{}]/.test(text), () => `a brace in ${text}`)
    must(Buffer.from(text).toString() === text, () => `not well-formed: ${text}`)
    return text
  }
  /**
   * All texts so far, and the values that they stand for: over a whole run, so that each value is compared with all
   * others.
   */
  const met = new Map<string, string>()
  return {
    name: "structured keys",
    seeds: structuralSeeds,
    words: [],
    run: (input) => {
      const value = new Reader(input).value()
      const text = textOf(value)
      must(text === textOf(new Reader(input).value()), () => `two texts for ${show(value)}`)
      if (text === undefined) return
      const full = normal(value)
      const form = full.length > 200 ? createHash("sha1").update(full).digest("hex") : full
      const other = met.get(text)
      must(other === undefined || other === form, () => `one text, ${text}, for ${show(full)} and ${other}`)
      if (other === undefined && met.size < 200_000) met.set(text, form)
      // And a value that resembles it.
      const half = input.length >> 1
      const [a, b] = [new Reader(input.subarray(0, half)).value(), new Reader(input.subarray(half)).value()]
      const [one, two] = [textOf(a), textOf(b)]
      if (one === undefined || two === undefined) return
      mustBeSame(`one key for ${show(a)} and ${show(b)}`, one === two, normal(a) === normal(b))
    }
  }
}

const stringKeysTarget = ({ key: Key, tagKeys }: Library): Target => ({
  name: "string keys",
  seeds: ["", "42", "{a}", "%7B", "%257D%25", "100%", "a:b", "\r\n*1\r\n", "\0", "*?[a]\\"].map((text) =>
    Uint8Array.from(Buffer.from(text, "utf16le"))
  ),
  words: ["{", "}", "%", "%7B", "%7D", "%25", "%257B", ":", "*", "\\"].map((text) =>
    Uint8Array.from(Buffer.from(text, "utf16le"))
  ),
  run: (input) => {
    const text = Buffer.from(input).toString("utf16le")
    const encoded = Key.encodeString(text)
    mustBeSame("well-formed", Either.isRight(encoded), Buffer.from(text).toString() === text)
    if (Either.isLeft(encoded)) return
    const stored = encoded.right
    must(!/[{}]/.test(stored), () => `a brace in ${stored}`)
    mustBeSame("it comes back", Key.decodeString(stored), text)
    const tag = tagKeys.tagKey("app:", "things", text)
    mustBeSame("a tag's key", tag, `app::tag:things:${stored}`)
    // Any stored key reads as one key at most, which is written the same again.
    const read = Key.decodeString(text)
    if (Either.getOrUndefined(Key.encodeString(read)) !== text) return
    mustBeSame("stored text", Either.getOrUndefined(Key.encodeString(Key.decodeString(text))), text)
  }
})

const urlOptions = new Set(["host", "port", "username", "password", "db", "tls"])

const urlTarget = ({ url: Url }: Library): Target => ({
  name: "url",
  seeds: [
    "redis://localhost",
    "rediss://user:pass%40word@host:6380/2",
    "redis://:secret@[::1]:6379",
    "redis://h?keyPrefix=x",
    "redis://u:50%@h",
    "redis://u:12#secret@h:1",
    "redis://u:12?secret@h:1",
    "redis:///1",
    "http://h"
  ].map((text) => Uint8Array.from(Buffer.from(text))),
  words: ["redis://", "rediss://", "%", "%25", "@", ":", "/", "?", "#", "[::1]", "&family=4", "\\", "\0", "\r\n"].map(
    bytesOf
  ),
  run: (input) => {
    const text = Buffer.from(input).toString()
    const read = Url.parse(text)
    if (Either.isLeft(read)) {
      // Nothing from the input except the name of an option.
      const [, option = ""] = / \(found (.*)\)$/s.exec(read.left) ?? []
      must(/^[A-Za-z]*$/.test(option), () => `${text} is told: ${read.left}`)
      return
    }
    const { db = 0, host, password, port = 6379, tls, username } = read.right
    must(Object.keys(read.right).every((name) => urlOptions.has(name)), () => `an option from ${text}`)
    must(Object.values(read.right).every((option) => option !== undefined), () => `undefined from ${text}`)
    mustBeSame("TLS", tls !== undefined, /^\s*rediss:/i.test(text.replace(/[\t\n\r\0-\x20]/g, "")))
    must(Number.isInteger(port) && port >= 0 && port < 65_536, () => `port ${port} from ${text}`)
    must(typeof db === "number" && db >= 0, () => `database ${String(db)} from ${text}`)
    // Written again, it gives the same text.
    const user = username === undefined && password === undefined
      ? ""
      : `${encodeURIComponent(username ?? "")}:${encodeURIComponent(password ?? "")}@`
    if (host === undefined) return
    const again = `redis${tls === undefined ? "" : "s"}://${user}${host.includes(":") ? `[${host}]` : host}${
      read.right.port === undefined ? "" : `:${port}`
    }${read.right.db === undefined ? "" : `/${db}`}`
    if (db > 1e15) return
    must(isDeepStrictEqual(Either.getOrUndefined(Url.parse(again)), read.right), () => `${text} and ${again} differ`)
  }
})

// ---- all of it together

const Failure = Schema.Struct({ code: Schema.Number })

const cacheTarget = ({ Cache, Codec, Memo, Redis, RedisLayer }: Library): Target => {
  const server = RedisLayer.memoryServer()
  const runtime = ManagedRuntime.make(
    Layer.merge(RedisLayer.layerMemoryServer(server, { prefix: "p:" }), Logger.minimumLogLevel(LogLevel.None))
  )
  const limits = { maxValueSize: context.maxSize }
  const plain = Cache.make({ name: "c", ...limits })
  const tagged = Cache.make({ name: "c", tags: (key) => [`k:${key}`], ...limits })
  const typed = Cache.make({ name: "c", schema: User, ...limits })
  const packed = Cache.make({ name: "c", codec: Codec.compressed(Codec.structural()), ...limits })
  const counts = Cache.counter({ name: "c" })
  const memo = Memo.cached((_: string): Effect.Effect<string, typeof Failure.Type> => Effect.succeed("loaded"), {
    name: "c",
    key: () => "a",
    timeToLive: "1 hour",
    errors: { schema: Failure, timeToLive: "1 hour" }
  })
  const caches = [plain, tagged, packed] as const
  const stored = (bytes: Uint8Array, key: string) =>
    Effect.flatMap(Redis.Redis, ({ driver }) =>
      driver.set({ key, bytes: Uint8Array.from(bytes), life: undefined }, {
        onSuccess: () => Effect.void,
        onFailure: (error) => Effect.fail(error)
      }))
  const run = <A, E>(
    effect: Effect.Effect<A, E, InstanceType<typeof Redis.Redis> | typeof Redis.Redis.Identifier>
  ): A => {
    const exit = runtime.runSyncExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    throw new Error(Cause.pretty(exit.cause))
  }
  const look = (bytes: Uint8Array): void => {
    run(stored(bytes, "p:c:a"))
    for (const cache of caches) {
      const value = run(Cache.get(cache, "a"))
      mustBeSame("has", run(Cache.has(cache, "a")), Option.isSome(value))
      mustBeSame("getMany", (run(Cache.getMany(cache, ["a", "b"]))).has("a"), Option.isSome(value))
      const { state } = run(Cache.explain(cache, "a"))
      mustBeSame(`state ${state}`, state === "Fresh", Option.isSome(value))
      run(Cache.timeToLive(cache, "a"))
    }
    run(Cache.get(typed, "a"))
    const count = run(Cache.get(counts, "a"))
    const sum = run(Effect.option(Cache.increment(counts, "a", 1)))
    if (Option.isSome(sum)) mustBeSame("increment", sum.value, Option.getOrElse(count, () => 0) + 1)
    run(stored(bytes, "p:c:\"a\""))
    run(memo.peek("a"))
    run(stored(bytes, "p:c:a"))
    const value = run(Cache.get(plain, "a"))
    // A key is listed if its header says that it is fresh: listing decodes nothing.
    if (Option.isSome(value)) mustBeSame("keys", [...run(Stream.runCollect(Cache.keys(plain)))].includes("a"), true)
    const added = run(Cache.setIfAbsent(plain, "a", "new"))
    mustBeSame("setIfAbsent", added, Option.isNone(value))
    must(equal(run(Cache.get(plain, "a")), added ? Option.some("new") : value), () => "another value than before")
    mustBeSame("delete", run(Cache.delete(plain, "a")), true)
  }
  return {
    name: "cache",
    seeds: [
      ...golden(),
      ...encodings(Codec.structural(), structuralSamples).map((bytes) =>
        Uint8Array.of(0xe1, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, ...bytes)
      ),
      Uint8Array.of(0xe1, 8, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, ...bytesOf("{\"code\":1}")),
      bytesOf("42")
    ],
    words: [
      fromHex("e1"),
      fromHex("e104"),
      fromHex("ffffffffffff"),
      ...structuralWords.slice(0, 40),
      bytesOf("{\"code\":1}")
    ],
    run: look
  }
}

export const targets = (library: Library): ReadonlyArray<Target> => [
  entryTarget(library),
  structuralTarget(library),
  structuralValuesTarget(library),
  jsonTarget(library),
  compressedTarget(library),
  encryptedTarget(library),
  counterTarget(library),
  structuredKeysTarget(library),
  stringKeysTarget(library),
  urlTarget(library),
  cacheTarget(library)
]
