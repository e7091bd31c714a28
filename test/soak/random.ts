/** Random numbers that a seed repeats: Mulberry32. */

export interface Random {
  /** From 0 to 1, 1 excluded. */
  readonly fraction: () => number
  /** A whole number of at least `from` and less than `to`. */
  readonly between: (from: number, to: number) => number
  readonly pick: <A>(all: ReadonlyArray<A>) => A
  readonly shuffle: <A>(all: ReadonlyArray<A>) => Array<A>
  readonly bytes: (length: number) => Buffer
}

export const makeRandom = (seed: number): Random => {
  let state = seed >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number): number => from + Math.floor(fraction() * (to - from))
  return {
    fraction,
    between,
    pick: (all) => all[between(0, all.length)]!,
    shuffle: (all) => {
      const left = [...all]
      return all.map(() => left.splice(between(0, left.length), 1)[0]!)
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => between(0, 256)))
  }
}
