/** The environment of one process's work on one target. */
import * as Effect from "effect/Effect"
import type { Redis } from "../../../src/Redis.js"
import type { Random } from "../random.js"
import type { Recorder } from "../recorder.js"

export interface Bench {
  /** The number of this process, from 0. */
  readonly index: number
  readonly workers: number
  readonly random: Random
  readonly recorder: Recorder
  readonly raw: Raw
  /** The layer's. */
  readonly prefix: string
  readonly stopping: () => boolean
}

/** Commands that bypass the library, as any program may send them. */
export interface Raw {
  readonly call: (command: string, ...args: ReadonlyArray<string | number | Buffer>) => Promise<unknown>
  /** The bytes of a string key. */
  readonly bytes: (key: string) => Promise<Buffer | null>
}

/** Work that goes on until the soak ends, by name. */
export type Work = Readonly<Record<string, (bench: Bench) => Effect.Effect<void, never, Redis>>>

/** One turn after another, with pauses of about this many ms. */
export const forever = (
  { random, stopping }: Bench,
  pause: number,
  turn: (turn: number) => Effect.Effect<void, never, Redis>
): Effect.Effect<void, never, Redis> =>
  Effect.asVoid(Effect.iterate(0, {
    while: () => !stopping(),
    body: (n) =>
      Effect.suspend(() => turn(n)).pipe(
        Effect.zipRight(Effect.suspend(() => Effect.sleep(pause * (0.5 + random.fraction())))),
        Effect.as(n + 1)
      )
  }))

/** Of this many keys, those that only this process writes. */
export const owned = ({ index, workers }: Bench, keys: number): ReadonlyArray<string> =>
  allKeys(keys).filter((_, key) => key % workers === index)

export const allKeys = (keys: number): ReadonlyArray<string> => Array.from({ length: keys }, (_, key) => String(key))
