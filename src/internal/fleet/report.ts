/**
 * What a process publishes, as JSON under `<prefix>:fleet:<id>`, and a list of the processes that publish, as an entry
 * under `<prefix>:fleet`: finding their keys with SCAN would cost a look at every key of the store.
 *
 * A reader tolerates anything that others have written: what does not have this form is left out.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { RandomBytes } from "../bytes/randomBytes.js"
import type { Totals } from "../cache/tally.js"
import { toBytes, toText } from "../codec/utf8.js"
import * as Entry from "../entry/format.js"

const Figure = Schema.Number.pipe(Schema.finite(), Schema.nonNegative())

/** Fields by the recorder's names for them; fields that are 0 are left out. */
const CacheReport = Schema.Struct({
  name: Schema.String,
  counts: Schema.Record({ key: Schema.String, value: Schema.Number.pipe(Schema.finite()) }),
  loadTimes: Schema.Array(Figure).pipe(Schema.maxItems(100))
})

const Report = Schema.parseJson(Schema.Struct({
  format: Schema.Literal(1),
  id: Schema.String,
  name: Schema.String,
  /** The last bytes of its leases' tokens, in hexadecimal. */
  mark: Schema.String,
  /** Times are in ms of server time. */
  startedAt: Figure,
  publishedAt: Figure,
  everyMillis: Figure,
  loading: Figure,
  caches: Schema.Array(CacheReport)
}))

export type Report = typeof Report.Type

const decodeReport = Schema.decodeUnknownEither(Report)

const encodeReport = Schema.encodeSync(Report)

export const cacheReport = (name: string, { loadTimes, sums }: Totals): typeof CacheReport.Type => ({
  name,
  counts: Object.fromEntries([...sums].filter(([, value]) => value !== 0)),
  loadTimes: loadTimes.slice(0, loadTimes.findLastIndex((count) => count > 0) + 1)
})

export const toReportBytes = (report: Report): Uint8Array => toBytes(encodeReport(report))

export const fromReportBytes = (bytes: Uint8Array | undefined): Report | undefined => {
  const text = bytes === undefined ? undefined : toText(bytes)
  return text === undefined ? undefined : Either.getOrUndefined(decodeReport(text))
}

/** The ids of the processes that publish, or did so not long ago. */
const Directory = Schema.parseJson(Schema.Array(Schema.String.pipe(Schema.pattern(/^[0-9a-f]{16}$/))))

const decodeDirectory = Schema.decodeUnknownEither(Directory)

const encodeDirectory = Schema.encodeSync(Directory)

/** An entry, so that a process can tell whether another one has changed it meanwhile. */
export const toDirectoryBytes = (ids: ReadonlyArray<string>, freshUntil: number, random: RandomBytes): Uint8Array =>
  Entry.encode(
    { version: 0, freshUntil, loadMillis: 0, failure: false, tags: [], payload: toBytes(encodeDirectory(ids)) },
    random
  )

export const fromDirectoryBytes = (bytes: Uint8Array | undefined): ReadonlyArray<string> => {
  if (bytes === undefined || !Entry.isEntry(bytes) || Entry.isMarker(bytes)) return []
  const offset = Entry.payloadOffset(bytes)
  const text = offset === undefined ? undefined : toText(bytes, offset)
  return text === undefined ? [] : Either.getOrElse(decodeDirectory(text), () => [])
}
