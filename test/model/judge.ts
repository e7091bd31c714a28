/**
 * What must never be seen in a history. Each judgement follows from what is promised, not from how it is implemented.
 */
import { expired } from "./judge/expired.js"
import { hits } from "./judge/hits.js"
import { leases } from "./judge/leases.js"
import { lives } from "./judge/lives.js"
import { loads } from "./judge/loads.js"
import { lost } from "./judge/lost.js"
import { replaced } from "./judge/replaced.js"
import { spared } from "./judge/spared.js"
import { updates } from "./judge/updates.js"
import type { Record } from "./record.js"

/**
 * The violations in a record. If the store was unreachable, values may disappear that were never removed, and reads may
 * miss values that are there; but no read ever returns a value that was replaced.
 */
export const violations = (record: Record): ReadonlyArray<string> =>
  (record.history.outage !== undefined
    ? [replaced]
    : [replaced, expired, lives, lost, loads, hits, leases, spared, updates]).flatMap((judge) => judge(record))
