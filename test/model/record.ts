/**
 * What happened in a history, in order: calls, as their callers saw them, runs of the user's loads, and what was stored
 * from when to when.
 */
import type { Effect } from "effect"
import type { MemoryServer } from "../../src/internal/driver/memoryServer.js"
import * as Entry from "../../src/internal/entry/format.js"
import { allKeys, type History, isForced, keysOf, type Operation } from "./history.js"

/** A moment: the number of an event, so that any two can be ordered, and its time. */
export interface Moment {
  readonly at: number
  readonly millis: number
}

/** A call that was made. */
export interface Call {
  readonly id: number
  readonly operation: Operation
  readonly instance: number
  /** The keys that it concerns. */
  readonly keys: ReadonlyArray<number>
  readonly began: Moment
  /** When it was answered, with success; an interrupted or failed call may have taken place, now or later or never. */
  acknowledged: Moment | undefined
  ended: Moment | undefined
  /** The values that it is to write, by key. */
  readonly writes: ReadonlyMap<number, string>
  /** The values that it has stored instead of the earlier ones, by key; `undefined` if it has removed one. */
  readonly put: Map<number, string | undefined>
  /** For `modify`: the value that its last run received. */
  found: string | undefined
  /** The values that it got, `undefined` for none. */
  readonly read: Array<{ readonly key: number; readonly value: string | undefined }>
  /** For `update`: when the source had the new version. */
  committed: Moment | undefined
  /** For `update`: its process has died. */
  died: boolean
  /** For `has`. */
  saw: boolean | undefined
  /** The load whose failure it got. */
  failure: string | undefined
  /** It was interrupted, and not by the test; or it was told that a load took too long. */
  cutOff: boolean
  /** It got nothing, because its time was over. */
  timedOut: boolean
  result: string
}

/** One run of a user's load, for one key. */
export interface Computation {
  readonly value: string
  readonly key: number
  /** The keys of its batch, each of which gets its failure. */
  readonly batch: ReadonlyArray<number>
  readonly instance: number
  /** The call that began the load. */
  readonly call: Call
  /** The previous value that it received. */
  told: string | undefined
  /** It has returned the previous value. */
  unchanged: boolean
  readonly forced: boolean
  /** It runs inside an update. */
  readonly apart: boolean
  readonly began: Moment
  ended: Moment | undefined
  exit: "Success" | "Failure" | "Interruption" | undefined
  /** When the whole batch had ended: until then it is not stored, and its lease is held. */
  over: Moment | undefined
}

/** What is stored under a key, from `from` on. */
export interface Standing {
  readonly from: Moment
  /** No value: there is nothing, or a marker. */
  readonly value: string | undefined
  /** New with each write: another lease or another TTL do not change it. */
  readonly writeId: string
  /** Zero: for ever. */
  readonly freshUntil: number
  /** When the store drops it. */
  readonly expires: number
}

/** A value that was written. */
export interface Put extends Moment {
  readonly value: string
}

/** Whether there was no write in between. A value stored under another load's lease has the write id of that lease. */
export const isSame = (a: Standing, b: Standing): boolean => a.writeId === b.writeId && a.value === b.value

const nothing: Standing = { from: { at: 0, millis: 0 }, value: undefined, writeId: "", freshUntil: 0, expires: 0 }

const valueIn = (bytes: Uint8Array): string | undefined =>
  /<[wl]\d+>/.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"))?.[0]

export class Record {
  private clock = 0
  private ids = 0
  readonly calls: Array<Call> = []
  readonly computations = new Map<string, Computation>()
  /** What was stored under each key, in order. */
  readonly standing: ReadonlyArray<Array<Standing>> = allKeys.map(() => [nothing])

  constructor(readonly history: History, private readonly now: () => number) {}

  tick(): Moment {
    return { at: ++this.clock, millis: this.now() }
  }

  next(kind: "w" | "l"): string {
    return `<${kind}${++this.ids}>`
  }

  call(operation: Operation, instance: number): Call {
    const keys = keysOf(operation)
    const call: Call = {
      id: this.calls.length + 1,
      operation,
      instance,
      keys,
      began: this.tick(),
      acknowledged: undefined,
      ended: undefined,
      writes: writes(operation) ? new Map(keys.map((key) => [key, this.next("w")])) : new Map(),
      put: new Map(),
      found: undefined,
      committed: undefined,
      died: false,
      read: [],
      saw: undefined,
      failure: undefined,
      cutOff: false,
      timedOut: false,
      result: ""
    }
    this.calls.push(call)
    return call
  }

  computation(call: Call, key: number, batch: ReadonlyArray<number>): Computation {
    const computation: Computation = {
      value: this.next("l"),
      key,
      batch,
      instance: call.instance,
      call,
      told: undefined,
      unchanged: false,
      forced: isForced(call.operation),
      apart: call.operation._tag === "update",
      began: this.tick(),
      ended: undefined,
      exit: undefined,
      over: undefined
    }
    this.computations.set(computation.value, computation)
    return computation
  }

  /** Records what is stored after each change, right when it happens, until the effect is run. */
  watch(server: MemoryServer, redisKey: (key: number) => string): Effect.Effect<void> {
    return server.watch((changed) => {
      for (const key of allKeys) {
        if (changed === undefined || changed === redisKey(key)) {
          this.changed(key, server.get(redisKey(key), this.now()))
        }
      }
    })
  }

  private changed(key: number, stored: { readonly bytes: Uint8Array; readonly expires: number } | undefined): void {
    const value = stored === undefined || !Entry.isEntry(stored.bytes) || Entry.isMarker(stored.bytes)
      ? undefined
      : valueIn(stored.bytes)
    const from = this.tick()
    this.standing[key]!.push(
      value === undefined ? { ...nothing, from } : {
        from,
        value,
        writeId: Buffer.from(Entry.writeId(stored!.bytes)).toString("hex"),
        freshUntil: Entry.freshUntil(stored!.bytes),
        expires: stored!.expires
      }
    )
  }

  /** The loads that have returned this value again, because nothing had changed. */
  revalidations(key: number, value: string): ReadonlyArray<Computation> {
    return [...this.computations.values()].filter((computation) =>
      computation.key === key && computation.unchanged && computation.told === value
    )
  }

  /** What was stored under a key at any time of a call. */
  during(key: number, { began, ended }: Pick<Call, "began" | "ended">): ReadonlyArray<Standing> {
    const all = this.standing[key]!
    return all.filter(({ from }, i) =>
      from.at < (ended?.at ?? Infinity) && (all[i + 1]?.from.at ?? Infinity) > began.at
    )
  }

  /** Each write of a value under a key. */
  puts(key: number): ReadonlyArray<Put> {
    return this.standing[key]!.flatMap((standing, i, all) =>
      standing.value === undefined || isSame(standing, all[i - 1]!) ? [] : [{ ...standing.from, value: standing.value }]
    )
  }

  /** The tags of a value under a key. */
  tags(key: number, value: string): ReadonlyArray<string> {
    const { tags } = this.history.policy
    return [
      ...(tags === "Key" || tags === "Both" ? keyTags(key) : []),
      ...(tags === "Value" || tags === "Both" ? valueTags(value) : [])
    ]
  }

  show(): string {
    const lines: Array<readonly [Moment, string]> = []
    for (const call of this.calls) {
      const { began, ended, id, instance, operation, result } = call
      const name = `#${instance} call ${id} ${operation._tag} ${call.keys.join(" ")}${
        "tag" in operation ? operation.tag : ""
      } ${[...call.writes.values()].join(" ")}`
      lines.push([began, name])
      if (call.committed !== undefined) lines.push([call.committed, `${name} has committed`])
      if (ended !== undefined) lines.push([ended, `${name} -> ${result}`])
    }
    for (const { began, ended, exit, forced, instance, key, told, value } of this.computations.values()) {
      const name = `#${instance} ${forced ? "forced " : ""}load ${value} of ${key}${
        told === undefined ? "" : ` (told of ${told})`
      }`
      lines.push([began, `${name} begins`])
      if (ended !== undefined) lines.push([ended, `${name} ends: ${exit}`])
    }
    for (const [key, all] of this.standing.entries()) {
      for (const { expires, freshUntil, from, value } of all) {
        const life = value === undefined ? "" : `, fresh until ${freshUntil}, there until ${expires}`
        if (from.at > 0) lines.push([from, `under ${key} stands ${value ?? "nothing"}${life}`])
      }
    }
    return lines.sort(([a], [b]) => a.at - b.at).map(([{ at, millis }, line]) => `${at}\t${millis} ms\t${line}`)
      .join("\n")
  }
}

const writes = (operation: Operation): boolean =>
  operation._tag === "set" || operation._tag === "setIfAbsent" || operation._tag === "setMany" ||
  (operation._tag === "modify" && operation.answer === "New") || (operation._tag === "update" && operation.store)

export const keyTags = (key: number): ReadonlyArray<string> => ["all", `key${key}`]

export const valueTags = (value: string): ReadonlyArray<string> => [
  Number(value.slice(2, -1)) % 2 === 0 ? "even" : "odd"
]
