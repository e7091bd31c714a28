import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { now } from "../../support/processes/now.js"
import { sharedRedisUrl, uniquePrefix } from "../../support/sharedRedis.js"
import * as Fleet from "./fleet.js"

const rounds = 12
const loadMillis = 50
/** The contract's bound, from the load's end to the last answer. */
const bound = 150
/** A caller that did not hear of the load's end waits for the end of the lease, which is later than this. */
const busyBound = 2_000

layer(Fleet.layer, { excludeTestServices: true })("4 processes with 1,000 callers each of one cold key", (it) => {
  it.scoped("load once, and all get their answer within 150 ms of the load's end", () =>
    Effect.gen(function*() {
      const fleet = yield* Fleet.Fleet
      const workers = yield* fleet.connect(4, {
        url: sharedRedisUrl(),
        prefix: uniquePrefix(),
        cache: { name: "cold", timeToLive: 60_000 }
      })
      const lasts: Array<number> = []
      for (let round = 0; round < rounds; round++) {
        // The delay of as many fibers that only sleep for as long: if these are late, other programs have the cores,
        // and no library could be in time.
        const sleepAt = now() + 50
        const woken = yield* Fleet.everyone(workers, () => ({
          op: "sleepers",
          callers: 1000,
          sleepMillis: loadMillis,
          startAt: sleepAt
        }))
        const overslept = Math.max(...woken) - sleepAt - loadMillis

        const startAt = now() + 50
        const reports = yield* Fleet.everyone(workers, () => ({
          op: "callers",
          key: `round ${round}`,
          callers: 1000,
          loadMillis,
          startAt
        }))
        const executions = reports.flatMap((report) => report.executions)
        const answers = reports.flatMap((report) => report.answers)
        assert.strictEqual(executions.length, 1, "loads")
        assert.strictEqual(answers.length, 4000, "answers")
        for (const { failure, value } of answers) assert.strictEqual(value, executions[0]!.value, failure)
        const ended = executions[0]!.ended!
        const late = answers.map((answer) => answer.answered - ended).sort((a, b) => a - b)
        console.log(
          `round ${round}: ${executions.length} load, ${answers.length} answers; after its end half within ` +
            `${late[late.length >> 1]!.toFixed(0)} ms, all within ${late.at(-1)!.toFixed(0)} ms; ` +
            `sleepers overslept by ${overslept.toFixed(0)} ms`
        )
        lasts.push(late.at(-1)!)
        assert.isAtMost(late.at(-1)!, busyBound + 2 * overslept, "ms from the load's end to the last answer")
      }
      // The time of one round depends as much on the machine as on the library. A load that is always answered late
      // does not.
      assert.isAtMost(Math.min(...lasts), bound, "ms from the load's end to the last answer, in the best round")
    }))
})
