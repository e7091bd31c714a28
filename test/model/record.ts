/** What happened in a history, in the order in which it happened, and what must never be seen in one. */
import { type History, maxDuration } from "./history.js"

/** A call that was made. Times are numbers of events, so that any two can be ordered. */
export interface Call {
  readonly id: number
  readonly tag: string
  readonly instance: number
  readonly key: number | undefined
  readonly began: number
  readonly beganMillis: number
  /** When it was answered, with success; an interrupted or failed call may have taken place, now or later or never. */
  acknowledged: number | undefined
  acknowledgedMillis: number
  ended: number | undefined
  /** It has put something in the place of what was there, or removed it. */
  replaced: boolean
  /** The tag of an invalidation. */
  readonly invalidates: string | undefined
  /** What it wrote. */
  readonly writes: string | undefined
  /** For `modify`: what its last run was given. */
  found: string | undefined
  /** Values that it was given, `undefined` for none. */
  read: ReadonlyArray<{ readonly key: number; readonly value: string | undefined }>
  /** The load whose failure it was given. */
  failure: string | undefined
  /** It was interrupted, and not by us. */
  interruptedByOthers: boolean
  result: string
}

/** One run of a user's load. */
export interface Computation {
  readonly value: string
  readonly key: number
  readonly instance: number
  /** Of a batch, whose failure is that of each of its keys. */
  readonly batched: boolean
  readonly began: number
  ended: number | undefined
}

/** A fill that took place. */
interface Fill {
  readonly value: string
  readonly at: number
  readonly millis: number
}

export class Record {
  private clock = 0
  private ids = 0
  readonly calls: Array<Call> = []
  readonly computations = new Map<string, Computation>()
  readonly fills: Array<Fill> = []
  /** Until when each value was stored as fresh, 0 for ever: the latest. */
  readonly freshUntil = new Map<string, number>()

  constructor(readonly history: History) {}

  tick(): number {
    return ++this.clock
  }

  next(kind: "w" | "l"): string {
    return `<${kind}${++this.ids}>`
  }

  /** The tags of a value under a key. */
  tags(key: number, value: string): ReadonlyArray<string> {
    const { tags } = this.history.policy
    return [
      ...(tags === "Key" || tags === "Both" ? keyTags(key) : []),
      ...(tags === "Value" || tags === "Both" ? valueTags(value) : [])
    ]
  }

  filled(value: string, millis: number): void {
    this.fills.push({ value, at: this.tick(), millis })
  }

  stored(value: string, freshUntil: number): void {
    const known = this.freshUntil.get(value)
    if (known === undefined || (known !== 0 && (freshUntil === 0 || freshUntil > known))) {
      this.freshUntil.set(value, freshUntil)
    }
  }

  show(): string {
    const lines: Array<readonly [number, string]> = []
    for (const call of this.calls) {
      const name = `#${call.instance} call ${call.id} ${call.tag} ${call.key ?? call.invalidates ?? ""} ${
        call.writes ?? ""
      }`
      lines.push([call.began, `${call.beganMillis} ms  ${name}`])
      if (call.ended !== undefined) lines.push([call.ended, `        ${name} -> ${call.result}`])
    }
    for (const { began, ended, instance, key, value } of this.computations.values()) {
      lines.push([began, `        #${instance} load ${value} of ${key} begins`])
      if (ended !== undefined) lines.push([ended, `        #${instance} load ${value} of ${key} ends`])
    }
    for (const { at, value } of this.fills) lines.push([at, `        ${value} is filled`])
    return lines.sort(([a], [b]) => a - b).map(([at, line]) => `${at}\t${line}`).join("\n")
  }
}

export const keyTags = (key: number): ReadonlyArray<string> => ["all", `key${key}`]

export const valueTags = (value: string): ReadonlyArray<string> => [
  Number(value.slice(2, -1)) % 2 === 0 ? "even" : "odd"
]

/** Something that took the place of what was there before it, between `began` and `acknowledged`. */
interface Replacement {
  readonly began: number
  readonly acknowledged: number
  readonly acknowledgedMillis: number
  /** Who is told of it at once; nobody, where only the store knows. */
  readonly instance: number | undefined
  readonly invalidates: string | undefined
  /** What it put there. */
  readonly value: string | undefined
  readonly name: string
}

const nearReads = new Set(["get", "getOrSet", "getOrSetMany"])

/** Whether a call must know of a write that was acknowledged before it began: copies in memory may be a little old. */
const heardOf = (
  call: Call,
  { acknowledgedMillis, instance }: { readonly acknowledgedMillis: number; readonly instance: number | undefined },
  maxStaleness: number | undefined
): boolean =>
  maxStaleness === undefined || !nearReads.has(call.tag) || instance === call.instance ||
  acknowledgedMillis + maxStaleness < call.beganMillis

/** What is wrong with what was recorded. */
export const violations = (record: Record): ReadonlyArray<string> => {
  const found: Array<string> = []
  const { policy } = record.history
  const window = Math.max(policy.staleIfError ?? 0, policy.staleWhileRevalidate ?? 0)
  const writers = new Map(
    record.calls.flatMap((call) => call.writes === undefined ? [] : [[call.writes, call] as const])
  )

  const replacements = (key: number): ReadonlyArray<Replacement> => [
    ...record.calls.flatMap((call) =>
      call.acknowledged !== undefined && call.replaced && (call.key === key || call.invalidates !== undefined)
        ? [{
          began: call.began,
          acknowledged: call.acknowledged,
          acknowledgedMillis: call.acknowledgedMillis,
          instance: call.instance,
          invalidates: call.invalidates,
          value: call.writes,
          name: `call ${call.id}`
        }]
        : []
    ),
    // What a load has stored is a write, which began with its computation.
    ...record.fills.flatMap(({ at, millis, value }) => {
      const computation = record.computations.get(value)!
      return computation.key !== key ? [] : [{
        began: computation.began,
        acknowledged: at,
        acknowledgedMillis: millis,
        instance: undefined,
        invalidates: undefined,
        value,
        name: `the fill of ${value}`
      }]
    })
  ]
  const byKey = new Map<number, ReadonlyArray<Replacement>>()
  const replacementsOf = (key: number) => {
    if (!byKey.has(key)) byKey.set(key, replacements(key))
    return byKey.get(key)!
  }

  /** The moment by which a value was there for sure, or was about to be computed from what is old by then. */
  const knownBy = (value: string): number =>
    record.computations.get(value)?.began ?? writers.get(value)?.acknowledged ?? Infinity

  /** Who has replaced this value before then. `heirs` were made of it. */
  const replacedBefore = (
    key: number,
    value: string,
    call: Call,
    heirs: ReadonlySet<string> = new Set()
  ): Replacement | undefined => {
    const mine = new Set([...heirs, value])
    for (const replacement of replacementsOf(key)) {
      if (replacement.acknowledged >= call.began || replacement.began <= knownBy(value)) continue
      if (!heardOf(call, replacement, policy.maxStaleness)) continue
      if (replacement.value !== undefined && mine.has(replacement.value)) continue
      // An heir without the tag, made before the invalidation, outlives it by right.
      const { invalidates } = replacement
      if (invalidates !== undefined && ![...mine].every((one) => record.tags(key, one).includes(invalidates))) continue
      return replacement
    }
    // A modified value is at least as old as what it was made of.
    const parent = writers.get(value)?.found
    return parent === undefined ? undefined : replacedBefore(key, parent, call, mine)
  }

  for (const call of record.calls) {
    for (const { key, value } of call.read) {
      if (value === undefined) continue
      const replaced = replacedBefore(key, value, call)
      if (replaced !== undefined) {
        found.push(
          `call ${call.id} (${call.tag}) was given ${value}, which ${replaced.name} had replaced before it began`
        )
      }
      const until = record.freshUntil.get(value) ?? 0
      const computation = record.computations.get(value)
      const waitedFor = computation !== undefined && (computation.ended ?? Infinity) > call.began
      const allowed = call.tag === "getOrSet" || call.tag === "getOrSetMany" || call.tag === "refresh" ? window : 0
      if (until !== 0 && !waitedFor && call.beganMillis >= until + allowed) {
        found.push(`call ${call.id} (${call.tag}) was given ${value}, which had expired before it began`)
      }
    }
    // Who comes after a local write does not hear of a load that began before it.
    const failed = call.failure === undefined ? undefined : record.computations.get(call.failure)
    if (failed !== undefined && !failed.batched) {
      for (const write of record.calls) {
        if (
          write.acknowledged !== undefined && write.replaced && write.instance === call.instance &&
          (write.key === failed.key || write.invalidates !== undefined) && write.tag !== "refresh" &&
          write.acknowledged < call.began && failed.began < write.began
        ) {
          found.push(
            `call ${call.id} (${call.tag}) was given the failure of ${failed.value}, older than call ${write.id}`
          )
        }
      }
    }
    if (call.interruptedByOthers && !mayBeInterrupted(record.history)) {
      found.push(`call ${call.id} (${call.tag}) was interrupted by somebody else`)
    }
    lost(record, call, found)
  }

  const storing = record.fills.map(({ at, value }) => ({ ...record.computations.get(value)!, filled: at }))
  for (const [i, a] of storing.entries()) {
    for (const b of storing.slice(i + 1)) {
      if (a.key === b.key && a.began < b.filled && b.began < a.filled) {
        found.push(`the loads ${a.value} and ${b.value} overlap, and both were stored`)
      }
    }
  }
  return found
}

const mayBeInterrupted = (history: History): boolean =>
  history.fibers.some((steps) =>
    steps.some(({ operation }) =>
      "load" in operation && (operation.load.outcome === "Interrupt" || operation.load.duration > maxDuration)
    )
  )

const removers = new Set(["set", "delete", "take", "setIfAbsent", "modify", "refresh"])

/** A value that was written, that lives for ever, and that nobody else has touched since, must still be there. */
const lost = (record: Record, call: Call, found: Array<string>): void => {
  if (record.history.policy.timeToLive !== undefined || call.ended === undefined) return
  if (call.tag !== "get" && call.tag !== "take" && call.tag !== "getOrSet" && call.tag !== "setIfAbsent") return
  if (call.acknowledged === undefined) return
  const writes = record.calls.filter((write) =>
    write.key === call.key && write.replaced && write.writes !== undefined && write.acknowledged !== undefined &&
    write.acknowledged < call.began && heardOf(call, write, record.history.policy.maxStaleness)
  )
  for (const write of writes) {
    const disturbed = record.calls.some((other) =>
      other !== write && other !== call && (other.key === call.key || other.invalidates !== undefined) &&
      (removers.has(other.tag) || other.invalidates !== undefined) && other.began < call.ended! &&
      (other.acknowledged === undefined || other.acknowledged > write.began ||
        !heardOf(call, other, record.history.policy.maxStaleness))
    )
    if (disturbed) continue
    const right = call.tag === "setIfAbsent"
      ? !call.replaced
      : call.read.every(({ value }) => value === write.writes)
    if (!right) found.push(`call ${call.id} (${call.tag}) did not find ${write.writes}, which nobody had touched`)
  }
}
