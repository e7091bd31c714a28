/**
 * What every driver of the `Redis` service promises, tested through the operations of `Cache`. Each driver's test file
 * runs it over its layer; a driver that needs an exception has a bug.
 */
import { describe } from "@effect/vitest"
import type { Layer } from "effect"
import type { CacheError, Redis } from "effect-redis-cache"
import { expire } from "./expiries/expire.js"
import { expireTags } from "./expiries/expireTags.js"
import { fill } from "./leases/fill.js"
import { hold } from "./leases/hold.js"
import { lease } from "./leases/lease.js"
import { previous } from "./loads/previous.js"
import { withMode } from "./modes/withMode.js"
import { changes } from "./operations/changes.js"
import { everyOperation } from "./operations/everyOperation.js"
import { explain } from "./operations/explain.js"
import { fleet } from "./operations/fleet.js"
import { foreignBytes } from "./operations/foreignBytes.js"
import { getAndSet } from "./operations/getAndSet.js"
import { getOrSet } from "./operations/getOrSet.js"
import { increment } from "./operations/increment.js"
import { invalidating } from "./operations/invalidating.js"
import { keys } from "./operations/keys.js"
import { manyAtOnce } from "./operations/manyAtOnce.js"
import { modify } from "./operations/modify.js"
import { deleteAndTake } from "./operations/removing/deleteAndTake.js"
import { flush } from "./operations/removing/flush.js"
import { invalidateTags } from "./operations/removing/invalidateTags.js"
import { removing } from "./operations/removing/removing.js"
import { setIfAbsent } from "./operations/setIfAbsent.js"
import { touch } from "./operations/touch.js"
import { subject, type Time } from "./subject.js"

const parts = [
  getAndSet,
  keys,
  flush,
  manyAtOnce,
  deleteAndTake,
  removing,
  setIfAbsent,
  touch,
  modify,
  increment,
  foreignBytes,
  invalidateTags,
  hold,
  invalidating,
  expire,
  expireTags,
  explain,
  fleet,
  lease,
  fill,
  getOrSet,
  previous,
  withMode,
  everyOperation,
  changes
]

export const contract = (
  name: string,
  layer: (prefix: string) => Layer.Layer<Redis.Redis, CacheError.RedisError>,
  time: Time
): void => {
  const tested = subject(layer, time)
  describe(name, () => {
    for (const part of parts) part(tested)
  })
}
