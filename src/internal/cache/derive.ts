/**
 * A `Redis` in a mode, derived from the base and kept there. Operations find it in the context like any other, so that
 * a program without modes does not have to check for them.
 *
 * It shares everything that concerns the store itself: the feed, near copies, permits, figures, and the changes to be
 * made good. It has its own loads in flight, since a value that was loaded to be stored differs from one that was not,
 * and its own source and destination of values (`runtime.reader`, `runtime.driver`).
 *
 * Operations that remove values, hold keys, or report on them are the same in every mode: they run on the base
 * (`bindBase`).
 */
import type { Driver } from "../driver/driver.js"
import { off, withoutValues, withoutWrites } from "../driver/off.js"
import { InFlightTable } from "../inFlight/table.js"
import { type Mode, whole } from "./mode.js"
import type { Runtime, Service } from "./runtime.js"

/** The service that this one is derived from, or itself. */
export const baseOf = (service: Service): Service => service.runtime.base ?? service

/** The same Redis in another mode: the innermost mode counts. */
export const derive = (service: Service, mode: Mode): Service => {
  const base = baseOf(service)
  if (mode === whole) return base
  const known = base.runtime.derived.get(mode.name)
  if (known !== undefined) return known
  const { runtime } = base
  const flights = new InFlightTable(runtime.flights)
  runtime.tally?.watch(flights)
  const derived: Runtime = {
    ...runtime,
    driver: driverOf(runtime.driver, mode),
    mode,
    base,
    reader: mode.reads ? runtime.driver : off(),
    flights,
    instances: new WeakMap(),
    // Loads of one mode are compared with each other only, so each mode numbers its own.
    refreshes: 0,
    sequence: 0
  }
  const made = { driver: base.driver, runtime: derived }
  runtime.derived.set(mode.name, made)
  return made
}

/** For everything but reads, which use the reader. */
const driverOf = (driver: Driver, { reads, stores }: Mode): Driver =>
  stores ? driver : reads ? withoutWrites(driver) : withoutValues(driver)
