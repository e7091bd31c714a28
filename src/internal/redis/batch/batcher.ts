/**
 * All requests of one tick are sent together: reads as one `MGET`, everything else as it is, all in the order of the
 * requests. A tick ends when all microtasks have run (`process.nextTick` from a microtask comes after the last), so a
 * lone command waits for nothing. If there are more requests, the first commands leave before the last are made, so
 * that the server does not wait for the client and then the client for the server.
 *
 * Reads of large values wait for answers to others, so that no more bytes are requested than can be answered in time
 * (`sizes.ts`). They wait in the backlog, in the order of the requests, where three things hold:
 *
 * - A later call passes them only if it does not write what they read. Once anything else waits, nothing passes
 *   anything: so writes never pass each other, and no read passes an earlier write.
 * - A call waits only while answers are awaited, and whenever one of those ends, the calls are sent for which there is
 *   room. If there is no connection, a call fails when it would have been sent.
 * - The time limit of a waiting read begins with its request.
 */
import type { Write } from "../../driver/driver.js"
import { timeoutError } from "../errors.js"
import type { Script } from "../lua.js"
import type { Shape } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { toBuffer } from "../resp/words.js"
import { Batch, type BatchOwner, failAll, layerClosed, type Link } from "./batch.js"
import { bytesOf, type Call, maxReads, Reads, SetCall } from "./calls.js"
import { Deadlines, Limited } from "./deadlines.js"
import type { Callback, Sender } from "./sender.js"
import { maxExpected, Sizes } from "./sizes.js"

/** This many commands, or keys that are read, of one tick leave before it ends, then twice as many, and so on. */
const firstPart = 32

/** The most commands of one batch, and the most bytes that it takes before another command begins a new one. */
const maxBatch = 512
const maxBatchBytes = 1024 * 1024

/**
 * The most commands that are under way. Further ones wait here for answers, and their time limits with them: a hundred
 * thousand keys take longer than one limit, and must not keep other commands from the server for so long.
 */
const maxUnderWay = 4096

export class Batcher implements Sender, BatchOwner {
  private queue: Array<Call> = []
  /** If keys have slots: the last reads of each slot, as long as no other call came after them. */
  private readonly bySlot = new Map<number, Reads>()
  private scheduled = false
  /** Commands in the queue, and keys that were read one by one; and how many of them leave at once. */
  private calls = 0
  private part = firstPart
  /** Calls that wait for answers before they are sent, and since when. */
  private backlog: Array<{ readonly call: Call; readonly since: number }> = []
  private underWay = 0
  /** How many bytes of large values the answers that are awaited are expected to have. */
  private expected = 0
  private readonly sizes: Sizes
  /** Bytes of values that were sent and not answered, even if no caller waits for the answer any more. */
  private bytesOut = 0
  private closed = false
  private readonly deadlines: Deadlines

  constructor(
    private readonly link: Link,
    private readonly commandTimeout: number,
    /** Of all keys. */
    prefix: string,
    /** On a cluster: the slot of a key. One command has keys of one slot only. */
    private readonly slotOf?: (key: string) => number
  ) {
    this.deadlines = new Deadlines(commandTimeout)
    this.sizes = new Sizes(prefix)
  }

  read(key: string, callback: Callback<Buffer | undefined>): void {
    const reads = this.openReads(key, 1)
    if (reads === undefined) this.pushReads(Reads.one(key, callback, this.sizes))
    else if (!reads.read(key, callback)) return
    this.count()
  }

  /** How many keys of the same cache as this one a command may have. */
  pageFor(key: string): number {
    const size = this.sizes.of(key)
    return size === 0 ? maxReads : Math.max(1, Math.min(maxReads, Math.floor(maxExpected / size)))
  }

  /** The same for many keys, at most `pageFor` of the first, if one command may have them all. */
  readMany(keys: ReadonlyArray<string>, callback: Callback<ReadonlyArray<Buffer | undefined>>): void {
    const count = keys.length
    const reads = this.openReads(keys[0]!, count)
    if (reads === undefined) this.pushReads(Reads.many(keys, callback, this.sizes))
    else reads.readMany(keys, callback)
  }

  write(write: Write, callback: Callback<void>): void {
    this.sizes.saw(write.key, write.bytes.length)
    // It receives the OK, and does not look at it.
    this.pushCall(new SetCall(write.key, toBuffer(write.bytes), write.life, callback as Callback<unknown>))
  }

  call<A>(
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>,
    callback: Callback<A>
  ): void {
    this.pushCall({
      operation,
      command: [name, ...args],
      script: undefined,
      bytes: bytesOf(args),
      expected: 0,
      writes: undefined,
      fits: gives,
      callback: callback as Callback<unknown> // told what fits
    })
  }

  run<A>(
    script: Script<A>,
    keys: ReadonlyArray<string | Buffer>,
    args: ReadonlyArray<Argument>,
    callback: Callback<A>
  ): void {
    const bytes = bytesOf(args)
    if (typeof keys[0] === "string") this.sizes.saw(keys[0], bytes)
    this.pushCall({
      operation: script.name,
      command: ["evalsha", script.sha, keys.length, ...keys, ...args],
      script,
      bytes,
      expected: 0,
      // A script without KEYS finds its keys itself.
      writes: keys.length > 0 ? keys : undefined,
      fits: script.gives,
      callback: callback as Callback<unknown> // told what fits
    })
  }

  /** Ends all calls that still wait for an answer. Later calls are refused. */
  close(): void {
    this.closed = true
    this.deadlines.close()
  }

  /** The latest reads, if there is room for this many more and no other call came since. */
  private openReads(key: string, count: number): Reads | undefined {
    const last = this.slotOf === undefined ? this.queue[this.queue.length - 1] : this.bySlot.get(this.slotOf(key))
    return last instanceof Reads && last.takes(key, count) ? last : undefined
  }

  /** Later reads must come after the present call. Clearing a map makes a new one, so it is done only if needed. */
  private closeReads(): void {
    if (this.bySlot.size > 0) this.bySlot.clear()
  }

  private pushReads(reads: Reads): void {
    if (this.slotOf !== undefined) this.bySlot.set(this.slotOf(reads.command[1]!), reads)
    this.push(reads)
  }

  private pushCall(call: Call): void {
    this.closeReads()
    this.push(call)
    this.count()
  }

  private count(): void {
    if (++this.calls < this.part) return
    this.part = Math.min(2 * this.part, maxBatch)
    this.depart()
  }

  private push(call: Call): void {
    this.queue.push(call)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.endTick)
  }

  /** Sends at the end of the tick: microtasks that are due before then may add more calls. */
  private readonly endTick = (): void => process.nextTick(this.flush)

  private readonly flush = (): void => {
    this.scheduled = false
    this.part = firstPart
    if (this.queue.length > 0) this.depart()
  }

  private depart(): void {
    const calls = this.queue
    this.queue = []
    this.calls = 0
    this.closeReads()
    const count = calls.length
    if (this.backlog.length === 0 && this.underWay < maxUnderWay && this.firstBatch(calls) === count) {
      return this.send(calls)
    }
    const since = performance.now()
    const passing: Array<Call> = []
    let pass = this.underWay + count <= maxUnderWay && this.backlog.every(({ call }) => isLarge(call))
    for (const call of calls) {
      if (pass && !isLarge(call) && this.mayPass(call)) {
        passing.push(call)
        continue
      }
      if (!isLarge(call)) pass = false
      else this.deadlines.start(new Wait(call, this.deadlines, this.expire))
      this.backlog.push({ call, since })
    }
    this.sendAll(passing)
    this.sendBacklog()
  }

  /** Whether this call may pass reads that wait. */
  private mayPass({ writes }: Call): boolean {
    if (this.backlog.length === 0) return true
    return writes !== undefined && !this.backlog.some(({ call }) => isLarge(call) && call.reads(writes))
  }

  private readonly expire = (reads: Reads): void => {
    this.backlog = this.backlog.filter(({ call }) => call !== reads)
    reads.fail(this.closed ? layerClosed(reads.operation) : timeoutError(reads.operation, this.commandTimeout))
    this.sendBacklog()
  }

  private sendAll(calls: ReadonlyArray<Call>): void {
    for (let at = 0; at < calls.length;) {
      const rest = calls.slice(at)
      const count = commandsOf(rest)
      this.send(rest.slice(0, count))
      at += count
    }
  }

  private sendBacklog(): void {
    while (this.backlog.length > 0 && this.underWay < maxUnderWay) {
      const next = this.backlog.slice(0, maxBatch).map(({ call }) => call)
      const batch = next.slice(0, this.firstBatch(next))
      // The answers that are awaited will make room.
      if (batch.length === 0) return
      // Taken out of the backlog first, so that nothing that sending causes can send it twice.
      this.backlog.splice(0, batch.length)
      this.send(batch)
    }
  }

  private send(calls: Array<Call>): void {
    if (this.closed) return failAll(calls, layerClosed)
    const state = this.link.state()
    if (state === "down") return failAll(calls, this.link.failure)
    const batch = new Batch(calls, this.link, state === "ready", this.sizes.any ? expectedOf(calls) : 0, this)
    this.underWay += batch.size
    this.expected += batch.expected
    this.deadlines.start(batch)
    if (state === "ready") batch.leave()
    else this.link.onceDecided(batch.leave)
  }

  met(batch: Batch): void {
    this.deadlines.stop(batch)
  }

  ended(batch: Batch): void {
    this.underWay -= batch.size
    this.expected -= batch.expected
    this.sendBacklog()
  }

  left(bytes: number): void {
    this.bytesOut += bytes
  }

  heard(bytes: number): void {
    this.bytesOut -= bytes
  }

  late(batch: Batch, calls: ReadonlyArray<Call>): void {
    this.underWay -= batch.size
    this.expected -= batch.expected
    // Calls that have waited for these answers for as long are late, too; later ones are still sent.
    const due = this.closed ? Infinity : performance.now() - this.commandTimeout
    const young = this.backlog.findIndex(({ since }) => since > due)
    const waited = this.backlog.splice(0, young < 0 ? this.backlog.length : young)
    const all = [...calls, ...waited.map(({ call }) => call)]
    if (this.closed) return failAll(all, layerClosed)
    failAll(all, (operation) => timeoutError(operation, this.commandTimeout))
    this.sendBacklog()
    if (batch.wasReady) this.link.unanswered(this.bytesOut)
  }

  /** How many of these calls, from the first on, make a batch; none if answers must come first. */
  private firstBatch(calls: ReadonlyArray<Call>): number {
    const count = commandsOf(calls)
    if (!this.sizes.any) return count
    let { expected } = this
    for (let i = 0; i < count; i++) {
      const more = calls[i]!.expected
      if (more > 0 && expected > 0 && expected + more > maxExpected) return i
      expected += more
    }
    return count
  }
}

/** Whether this is a read of large values, as far as is known. */
const isLarge = (call: Call): call is Reads => call instanceof Reads && call.expected > 0

const expectedOf = (calls: ReadonlyArray<Call>): number => calls.reduce((sum, { expected }) => sum + expected, 0)

/** The time limit of a read that has to wait before it is sent: from its request to its answer. */
class Wait extends Limited {
  constructor(
    private readonly reads: Reads,
    deadlines: Deadlines,
    private readonly isLate: (reads: Reads) => void
  ) {
    super()
    reads.onTold = () => {
      reads.onTold = undefined
      deadlines.stop(this)
    }
  }

  expire(): void {
    this.reads.onTold = undefined
    this.isLate(this.reads)
  }
}

/** How many of these calls, from the first on, make a batch by the bytes that they carry. */
const commandsOf = (calls: ReadonlyArray<Call>): number => {
  let bytes = 0
  for (let i = 0; i < calls.length; i++) {
    if (i === maxBatch || bytes >= maxBatchBytes) return i
    bytes += calls[i]!.bytes
  }
  return calls.length
}
