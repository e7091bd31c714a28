/** Values for properties: trees that can be built twice, with fields, members and entries in either order. */
import { Cause, Chunk, Data, Duration, Either, Equal, Exit, FiberId, HashMap, HashSet, Option } from "effect"
import * as FastCheck from "fast-check"
import { isDeepStrictEqual } from "node:util"

export type Tree =
  | { readonly kind: "leaf"; readonly make: () => unknown }
  | { readonly kind: Ordered; readonly items: ReadonlyArray<Tree> }
  | { readonly kind: Unordered; readonly items: ReadonlyArray<readonly [string, Tree]> }

const ordered = {
  array: (items: Array<unknown>) => items,
  tuple: (items: Array<unknown>) => Data.array(items),
  chunk: (items: Array<unknown>) => Chunk.fromIterable(items),
  some: (items: Array<unknown>) => Option.some(items[0]),
  left: (items: Array<unknown>) => Either.left(items[0]),
  right: (items: Array<unknown>) => Either.right(items[0])
}

const unordered = {
  object: (entries: Array<[string, unknown]>) => Object.fromEntries(entries),
  nullObject: (entries: Array<[string, unknown]>) => {
    const object: object = Object.create(null)
    for (const [name, value] of entries) {
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
    }
    return object
  },
  struct: (entries: Array<[string, unknown]>) =>
    Data.struct(Object.fromEntries(entries.filter(([name]) => name !== "__proto__"))),
  map: (entries: Array<[string, unknown]>) => new Map(entries),
  set: (entries: Array<[string, unknown]>) => new Set(entries.map(([name, value]) => [name, value])),
  hashMap: (entries: Array<[string, unknown]>) => HashMap.fromIterable(entries),
  hashSet: (entries: Array<[string, unknown]>) => HashSet.fromIterable(entries.map(([name]) => name))
}

type Ordered = keyof typeof ordered

type Unordered = keyof typeof unordered

export const build = (tree: Tree, backwards = false): unknown => {
  if (tree.kind === "leaf") return tree.make()
  if (tree.kind in ordered) {
    const { items, kind } = tree as Extract<Tree, { kind: Ordered }>
    return ordered[kind](items.map((item) => build(item, backwards)))
  }
  const { items, kind } = tree as Extract<Tree, { kind: Unordered }>
  const entries = items.map(([name, item]): [string, unknown] => [name, build(item, backwards)])
  return unordered[kind](backwards ? entries.reverse() : entries)
}

const made = <A>(values: FastCheck.Arbitrary<A>, make: (value: A) => unknown = (value) => value) =>
  values.map((value): Tree => ({ kind: "leaf", make: () => make(value) }))

const text = FastCheck.oneof(
  FastCheck.string(),
  FastCheck.string({ unit: "binary", maxLength: 8 }),
  FastCheck.array(FastCheck.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((units) =>
    String.fromCharCode(...units)
  ),
  FastCheck.constantFrom("\ufeff".padEnd(100, "x"), "\ud800", "é".repeat(90), "x".repeat(70_000), "a\u0000b", "😀")
)

const name = FastCheck.oneof(
  FastCheck.constantFrom("a", "b", "c", "__proto__", "constructor", "toJSON", "then", "0", "10", "", "{x}"),
  FastCheck.string({ maxLength: 4 })
)

const number = FastCheck.oneof(
  FastCheck.double(),
  FastCheck.integer(),
  FastCheck.maxSafeInteger(),
  FastCheck.constantFrom(0, -0, NaN, Infinity, -Infinity, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, -32, -33, -129)
)

const bigint = FastCheck.oneof(
  FastCheck.bigInt(),
  FastCheck.constantFrom(0n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), -(2n ** 63n) - 1n)
)

const bytes = FastCheck.uint8Array({ maxLength: 24 })

const plainLeaf = FastCheck.oneof(
  made(text),
  made(number),
  made(FastCheck.constantFrom<unknown>(true, false, null, undefined)),
  made(bigint),
  // Node considers no two invalid dates equal.
  made(FastCheck.date({ noInvalidDate: true }), (date) => new Date(date)),
  made(bytes, (source) => source.slice()),
  made(bytes, (source) => Buffer.from(source)),
  made(bytes, (source) => source.slice().buffer),
  made(bytes, (source) => new DataView(source.slice().buffer)),
  made(bytes, (source) => Int8Array.from(source)),
  made(bytes, (source) => Uint16Array.from(source, (byte) => byte * 257)),
  made(FastCheck.array(number), (source) => Float32Array.from(source)),
  made(FastCheck.array(number), (source) => Float64Array.from(source)),
  made(
    FastCheck.array(FastCheck.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    (source) => BigInt64Array.from(source)
  ),
  made(FastCheck.sparseArray(number, { maxLength: 20 }), (source) => source.slice()),
  made(FastCheck.webUrl(), (url) => new URL(url)),
  made(
    FastCheck.tuple(FastCheck.constantFrom("a+", "[/]", "x|y", "\\p{L}"), FastCheck.constantFrom("", "gi", "u", "sy")),
    ([source, flags]) => new RegExp(source, flags)
  )
)

const error = FastCheck.tuple(FastCheck.string(), FastCheck.constantFrom(Error, TypeError, RangeError), number)

/**
 * Values that `Equal.equals` does not find equal when they are built twice: it compares errors and the like by
 * reference.
 */
export const errors: FastCheck.Arbitrary<Error> = error.map(([message, Class, code]) =>
  Object.assign(new Class(message, { cause: new Error("inner") }), { code, name: "Renamed" })
)

const effectLeaf = FastCheck.oneof(
  made(FastCheck.nat(), (millis) => Duration.millis(millis)),
  made(FastCheck.bigInt({ min: 0n }), (nanos) => Duration.nanos(nanos)),
  made(FastCheck.constant(Duration.infinity)),
  made(FastCheck.constant(Option.none()))
)

const trees = (leaf: FastCheck.Arbitrary<Tree>, kinds: ReadonlyArray<Ordered | Unordered>) =>
  FastCheck.letrec<{ tree: Tree }>((tie) => {
    const many = FastCheck.array(tie("tree"), { maxLength: 4 })
    const one = FastCheck.array(tie("tree"), { minLength: 1, maxLength: 1 })
    const named = FastCheck.uniqueArray(FastCheck.tuple(name, tie("tree")), {
      maxLength: 4,
      selector: ([field]) => field
    })
    const node = (kind: Ordered | Unordered): FastCheck.Arbitrary<Tree> => {
      if (kind === "some" || kind === "left" || kind === "right") return one.map((items) => ({ kind, items }))
      return kind in ordered
        ? many.map((items): Tree => ({ kind: kind as Ordered, items }))
        : named.map((items): Tree => ({ kind: kind as Unordered, items }))
    }
    return { tree: FastCheck.oneof({ maxDepth: 4, depthSize: "small" }, leaf, ...kinds.map(node)) }
  }).tree

/** Values for which `util.isDeepStrictEqual` is the oracle. */
export const plain: FastCheck.Arbitrary<Tree> = trees(plainLeaf, ["array", "object", "nullObject", "map", "set"])

/** Values for which `Equal.equals` is the oracle: it compares all their content. */
export const structural: FastCheck.Arbitrary<Tree> = trees(
  FastCheck.oneof(effectLeaf, made(FastCheck.integer()), made(FastCheck.string())),
  ["tuple", "struct", "chunk", "some", "left", "right", "hashMap", "hashSet"]
)

/** All of these, nested in one another. */
export const mixed: FastCheck.Arbitrary<Tree> = trees(FastCheck.oneof(plainLeaf, effectLeaf), [
  "array",
  "object",
  "nullObject",
  "map",
  "set",
  "tuple",
  "struct",
  "chunk",
  "some",
  "left",
  "right",
  "hashMap"
])

export const causes: FastCheck.Arbitrary<Cause.Cause<unknown>> = FastCheck.letrec<{ cause: Cause.Cause<unknown> }>(
  (tie) => ({
    cause: FastCheck.oneof(
      { maxDepth: 4 },
      FastCheck.integer().map((id) => Cause.fail(id)),
      FastCheck.string().map((id) => Cause.die(id)),
      FastCheck.nat().map((id) => Cause.interrupt(FiberId.make(id, 1_700_000_000_000))),
      FastCheck.constant(Cause.empty),
      FastCheck.constant(Cause.interrupt(FiberId.combine(FiberId.make(1, 2), FiberId.none))),
      FastCheck.constant(Cause.interrupt(FiberId.composite(FiberId.make(1, 2), FiberId.make(3, 4)))),
      FastCheck.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.parallel(left, right)),
      FastCheck.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.sequential(left, right))
    )
  })
).cause

export const exits: FastCheck.Arbitrary<Exit.Exit<unknown, unknown>> = FastCheck.oneof(
  FastCheck.integer().map((value) => Exit.succeed(value)),
  causes.map((cause) => Exit.failCause(cause))
)

export const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b) || Equal.equals(a, b)
