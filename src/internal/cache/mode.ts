/** How one region of a program treats values. */

/**
 * How values are treated.
 *
 * - `use`: they are read and stored
 * - `refresh`: reads miss, and loads store
 * - `readOnly`: they are read, but not stored
 * - `off`: neither
 */
export type ModeName = "use" | "refresh" | "readOnly" | "off"

export interface Mode {
  readonly name: ModeName
  /** Values are read. */
  readonly reads: boolean
  /** Values are stored. */
  readonly stores: boolean
}

export const whole: Mode = { name: "use", reads: true, stores: true }

const modes: Readonly<Record<ModeName, Mode>> = {
  use: whole,
  refresh: { name: "refresh", reads: false, stores: true },
  readOnly: { name: "readOnly", reads: true, stores: false },
  off: { name: "off", reads: false, stores: false }
}

export const modeNames: ReadonlyArray<string> = Object.keys(modes)

export const modeOf = (name: string): Mode | undefined =>
  Object.hasOwn(modes, name) ? modes[name as ModeName] : undefined // it is one of them
