/**
 * A `Redis` of a mode, derived from the one that it is about and kept there: operations find it where they find any other,
 * so that a program without modes does not ask for them.
 *
 * It shares all that tells what is true of the store: the feed, near copies, permits, figures, what is to be made good.
 * Its own are its loads in flight, since a value that was loaded to be stored is another than one that was not, and what
 * its values are read from and written to (`runtime.reader`, `runtime.driver`).
 *
 * What removes values, holds them, or tells of them does the same in every mode: it runs on the base (`bindBase`).
 */
import type { Driver } from "../driver/driver.js"
import { off, withoutValues, withoutWrites } from "../driver/off.js"
import { InFlightTable } from "../inFlight/table.js"
import { type Mode, whole } from "./mode.js"
import type { Runtime, Service } from "./runtime.js"

/** The service that this one is derived from, or itself. */
export const baseOf = (service: Service): Service => service.runtime.base ?? service

/** The same Redis in another mode: the innermost counts. */
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
    instances: new WeakMap()
  }
  const made = { driver: base.driver, runtime: derived }
  runtime.derived.set(mode.name, made)
  return made
}

/** For what is no read: that asks the reader. */
const driverOf = (driver: Driver, { reads, stores }: Mode): Driver =>
  stores ? driver : reads ? withoutWrites(driver) : withoutValues(driver)
