/**
 * A coverage-guided fuzzer: it keeps and mutates inputs that take a new path, or a known path a new number of times.
 * The same seed always gives the same run.
 */

/** The code under test: whatever `run` throws is a finding. */
export interface Target {
  readonly name: string
  readonly seeds: ReadonlyArray<Uint8Array>
  /** Byte strings that mean something in this format. */
  readonly words: ReadonlyArray<Uint8Array>
  readonly run: (input: Uint8Array) => void
}

export interface Finding {
  readonly target: string
  readonly seed: number
  readonly input: Uint8Array
  readonly error: unknown
}

export interface Figures {
  executions: number
  /** The inputs that were kept. */
  corpus: number
  /** The coverage points that were reached, of all. */
  met: number
  millis: number
  slowestMillis: number
}

const longest = 4_096

/** No input may take this long, even on a busy machine. */
const tooSlow = 10_000

/** A generator of our own: small, fast, and the same on every machine. */
export class Chance {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  of<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }
}

/** Counts are distinguished by order of magnitude, as powers of two. */
const magnitudes = Uint8Array.from({ length: 256 }, (_, n) => n === 0 ? 0 : 1 << Math.min(7, Math.floor(Math.log2(n))))

const interesting = [0, 1, 0x7f, 0x80, 0xff, 0xe1, 0x20, 0x22, 0x5b, 0x7b]

const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

export class Fuzzer {
  readonly figures: Figures = { executions: 0, corpus: 0, met: 0, millis: 0, slowestMillis: 0 }
  private readonly corpus: Array<Uint8Array> = []
  private readonly seen: Uint8Array
  private readonly chance: Chance
  private started = false
  finding: Finding | undefined

  constructor(
    readonly target: Target,
    private readonly hits: Uint8Array,
    readonly seed: number
  ) {
    this.seen = new Uint8Array(hits.length)
    this.chance = new Chance(seed)
  }

  /** Runs this many more inputs, or until there is a finding, or until the time is over. */
  run(executions: number, deadline = Infinity): Finding | undefined {
    const began = performance.now()
    if (!this.started) {
      this.started = true
      for (const seed of [new Uint8Array(0), ...this.target.seeds]) if (!this.attempt(seed, true)) break
    }
    for (let i = 0; i < executions && this.finding === undefined; i++) {
      this.attempt(this.changed(this.pick()), false)
      if (i % 64 === 63 && performance.now() >= deadline) break
    }
    this.figures.millis += performance.now() - began
    return this.finding
  }

  /** Records the points that were reached. */
  meets(points: Uint8Array): void {
    for (let i = 0; i < points.length; i++) if (this.seen[i] !== 0) points[i] = 1
  }

  private attempt(input: Uint8Array, keep: boolean): boolean {
    this.hits.fill(0)
    this.figures.executions++
    const began = performance.now()
    try {
      this.target.run(input)
    } catch (error) {
      this.finding = { target: this.target.name, seed: this.seed, input: this.shortest(input), error }
      return false
    }
    const took = performance.now() - began
    if (took > this.figures.slowestMillis) this.figures.slowestMillis = took
    if (took > tooSlow) {
      const error = new Error(`it took ${Math.round(took)} ms`)
      this.finding = { target: this.target.name, seed: this.seed, input, error }
      return false
    }
    if (this.isNew() || keep) {
      this.corpus.push(Uint8Array.from(input))
      this.figures.corpus = this.corpus.length
    }
    return true
  }

  private isNew(): boolean {
    const { hits, seen } = this
    let found = false
    for (let i = 0; i < hits.length; i++) {
      const count = hits[i]!
      if (count === 0) continue
      const magnitude = magnitudes[count]!
      const before = seen[i]!
      if ((before & magnitude) !== 0) continue
      if (before === 0) this.figures.met++
      seen[i] = before | magnitude
      found = true
    }
    return found
  }

  /** Every other time, one of the inputs that were found last. */
  private pick(): Uint8Array {
    const { chance, corpus } = this
    const recent = Math.min(corpus.length, 16)
    return chance.below(2) === 0 ? chance.of(corpus) : corpus[corpus.length - 1 - chance.below(recent)]!
  }

  private changed(from: Uint8Array): Uint8Array {
    const { chance } = this
    let bytes: Uint8Array = Uint8Array.from(from)
    for (let changes = 1 << chance.below(4); changes > 0; changes--) bytes = this.change(bytes)
    return bytes.length > longest ? bytes.slice(0, longest) : bytes
  }

  private change(bytes: Uint8Array): Uint8Array {
    const { chance, corpus, target: { words } } = this
    const at = chance.below(bytes.length + 1)
    const before = bytes.subarray(0, at)
    const after = bytes.subarray(at)
    const kind = chance.below(11)
    if (bytes.length === 0 && kind < 6) return Uint8Array.of(chance.below(256))
    const within = Math.min(at, bytes.length - 1)
    switch (kind) {
      case 0:
        bytes[within] = bytes[within]! ^ (1 << chance.below(8))
        return bytes
      case 1:
        bytes[within] = chance.below(256)
        return bytes
      case 2:
        bytes[within] = chance.of(interesting)
        return bytes
      case 3:
        bytes[within] = bytes[within]! + chance.below(9) - 4
        return bytes
      case 4:
        return join(before, after.subarray(1 + chance.below(Math.min(after.length + 1, 16))))
      case 5:
        return join(before, bytes.subarray(within, within + 1 + chance.below(32)), after)
      case 6:
        return join(before, Uint8Array.from({ length: 1 + chance.below(8) }, () => chance.below(256)), after)
      case 7:
      case 8: {
        if (words.length === 0) return bytes
        const word = chance.of(words)
        return join(before, word, kind === 7 ? after : after.subarray(word.length))
      }
      case 9: {
        const other = chance.of(corpus)
        return join(before, other.subarray(chance.below(other.length + 1)))
      }
      default: {
        const other = chance.of(corpus)
        const start = chance.below(other.length + 1)
        return join(before, other.subarray(start, start + 1 + chance.below(64)), after)
      }
    }
  }

  /** A shorter and plainer input that is still a finding. */
  private shortest(input: Uint8Array): Uint8Array {
    const fails = (candidate: Uint8Array): boolean => {
      try {
        this.target.run(candidate)
        return false
      } catch {
        return true
      }
    }
    let best = Uint8Array.from(input)
    const until = performance.now() + 5_000
    for (let size = Math.max(1, best.length >> 1); size >= 1 && performance.now() < until; size >>= 1) {
      for (let at = 0; at < best.length && performance.now() < until;) {
        const shorter = join(best.subarray(0, at), best.subarray(at + size))
        if (fails(shorter)) best = Uint8Array.from(shorter)
        else at += size
      }
    }
    for (let at = 0; at < best.length && performance.now() < until; at++) {
      if (best[at] === 0) continue
      const plainer = Uint8Array.from(best)
      plainer[at] = 0
      if (fails(plainer)) best = plainer
    }
    return best
  }
}
