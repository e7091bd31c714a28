/** Who waits for the change of one key. */
import * as Effect from "effect/Effect"
import type { Listener } from "./listener.js"

/** Rings when the key changes, or when that can no longer be told. */
export interface Bell {
  readonly key: string
  /** Open when it has rung. Closed before a look, it misses nothing that happens after. */
  readonly latch: Effect.Latch
}

export class Bells implements Listener {
  private readonly byKey = new Map<string, Set<Bell>>()

  hang(key: string): Bell {
    const bell: Bell = { key, latch: Effect.unsafeMakeLatch(false) }
    const bells = this.byKey.get(key) ?? new Set()
    this.byKey.set(key, bells.add(bell))
    return bell
  }

  unhang(bell: Bell): void {
    const bells = this.byKey.get(bell.key)
    bells?.delete(bell)
    if (bells?.size === 0) this.byKey.delete(bell.key)
  }

  changed(key: string): void {
    if (this.byKey.size === 0) return
    for (const bell of this.byKey.get(key) ?? []) bell.latch.unsafeOpen()
  }

  changedAll(): void {
    for (const key of this.byKey.keys()) this.changed(key)
  }

  lost(): void {
    this.changedAll()
  }

  /** Those that hung a bell meanwhile look by themselves, until they see that bells ring again. */
  resumed(): void {}
}
