/** Bells that ring when a key changes, for callers that wait for it. */
import * as Effect from "effect/Effect"
import type { Listener } from "./listener.js"

/** Rings when the key changes, or when its changes can no longer be reported. */
export interface Bell {
  readonly key: string
  /** Open when it has rung. If it is closed before a read, it misses no change after the read. */
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

  /** Callers that hung a bell meanwhile poll by themselves, until they see that bells ring again. */
  resumed(): void {}
}
