/**
 * The judge of the soak must be able to fail: histories that break an invariant, and histories that only look as if
 * they did.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Window } from "../support/cluster/lossWindows.js"
import { Judge, noWindows, type Windows } from "./judge.js"
import { maxStaleness, type Told } from "./protocol.js"
import { type Invariant, Verdicts } from "./verdicts.js"

const nothing: Told = {
  operations: {},
  badInputs: {},
  failures: [],
  acknowledged: [],
  attempts: [],
  seen: [],
  gone: [],
  served: [],
  executions: [],
  won: [],
  tooOld: [],
  late: [],
  checks: {},
  violations: [],
  longestGap: 0,
  nearHits: 0
}

const loadLife = 400

/** The violations in a history, and the invariants that were checked and held. */
const judge = (told: Partial<Told>, windows: Partial<Windows> = {}, stops: ReadonlyArray<Window> = []) => {
  const verdicts = new Verdicts()
  const judging = new Judge("single", verdicts, { ...noWindows(), ...windows }, stops, loadLife)
  judging.hear(0, { ...nothing, ...told })
  judging.judge(Infinity)
  const names = [...verdicts.all.keys()]
  return {
    wrong: names.filter((name) => verdicts.all.get(name)!.wrong > 0),
    right: names.filter((name) => verdicts.passes(name))
  }
}

const at = (from: number, to = from + 1): Window => ({ from, to })

interface Case {
  readonly what: string
  readonly invariant: Invariant
  readonly told: Partial<Told>
  /** Changes the same history so that Redis, and not the library, is responsible for it. */
  readonly excused?: { readonly windows?: Partial<Windows>; readonly stops?: ReadonlyArray<Window> }
  /** The same history, changed slightly so that nothing is wrong. */
  readonly fine: Partial<Told>
}

const version = (n: number, window: Window) => ({ kind: "version", key: "a", n, ...window }) as const
const part = (n: number, window: Window) => ({ kind: "count", key: "a", n, ...window }) as const
const attempts = [{ kind: "version", key: "a", n: 9 }, { kind: "count", key: "a", n: 9 }] as const
const late = maxStaleness + 1_000

const cases: ReadonlyArray<Case> = [
  {
    what: "an older version, read after the bound",
    invariant: "stale",
    told: {
      attempts,
      acknowledged: [version(1, at(1_000)), version(2, at(1_100))],
      seen: [version(1, at(1_100 + late))]
    },
    excused: { windows: { replicated: [at(900, 1_150)] } },
    fine: {
      attempts,
      acknowledged: [version(1, at(1_000)), version(2, at(1_100))],
      seen: [version(1, at(1_100 + maxStaleness)), version(2, at(1_100 + late))]
    }
  },
  {
    what: "a value that is gone",
    invariant: "lost",
    told: { attempts, acknowledged: [version(1, at(1_000))], seen: [version(0, at(1_000 + late))] },
    excused: { windows: { wiped: [at(1_200, 1_300)] } },
    fine: { attempts, acknowledged: [version(1, at(1_000))], seen: [version(0, at(900))] }
  },
  {
    what: "an acknowledged increment that is missing",
    invariant: "lost",
    told: { attempts, acknowledged: [part(4, at(1_000))], seen: [part(3, at(1_010))] },
    excused: { windows: { replicated: [at(500, 1_005)] } },
    fine: { attempts, acknowledged: [part(4, at(1_000))], seen: [part(3, at(1_000)), part(5, at(1_010))] }
  },
  {
    what: "a count that is higher than its attempts",
    invariant: "invented",
    told: { attempts, seen: [part(10, at(1_000))] },
    fine: { attempts, seen: [part(9, at(1_000))] }
  },
  {
    what: "a load that outlived a delete",
    invariant: "deleted",
    told: {
      gone: [{ how: "delete", key: "a", ...at(1_000, 1_010) }],
      served: [{ how: "delete", key: "a", started: 990, ...at(1_020) }]
    },
    excused: { windows: { replicated: [at(500, 1_015)] } },
    fine: {
      gone: [{ how: "delete", key: "a", ...at(1_000, 1_010) }],
      served: [
        { how: "delete", key: "a", started: 1_001, ...at(1_020) },
        { how: "delete", key: "a", started: 990, ...at(1_005) },
        { how: "delete", key: "b", started: 990, ...at(1_020) }
      ]
    }
  },
  {
    what: "a load that outlived an invalidation",
    invariant: "invalidated",
    told: {
      gone: [{ how: "invalidate", key: "a", ...at(1_000, 1_010) }],
      served: [{ how: "invalidate", key: "a", started: 990, ...at(1_020) }]
    },
    fine: {
      gone: [{ how: "invalidate", key: "a", ...at(1_000, 1_010) }],
      served: [{ how: "invalidate", key: "a", started: 1_005, ...at(1_020) }]
    }
  },
  {
    what: "an entry that outlived a flush",
    invariant: "flushed",
    told: {
      gone: [{ how: "flush", key: "a", ...at(1_000, 1_010) }],
      served: [{ how: "flush", key: "a", started: 990, ...at(1_020) }]
    },
    fine: {
      gone: [{ how: "flush", key: "a", ...at(1_000, 1_010) }],
      served: [{ how: "flush", key: "a", started: 1_012, ...at(1_020) }]
    }
  },
  {
    what: "two loads at once",
    invariant: "oneLoad",
    told: {
      executions: [{ key: "a", by: 0, asked: 1_000, ...at(1_000, 1_030) }, {
        key: "a",
        by: 1,
        asked: 1_020,
        ...at(1_020, 1_050)
      }]
    },
    excused: { stops: [at(900, 1_010)] },
    fine: {
      executions: [
        { key: "a", by: 0, asked: 1_000, ...at(1_000, 1_030) },
        { key: "b", by: 1, asked: 1_020, ...at(1_020, 1_050) },
        { key: "a", by: 1, asked: 1_030, ...at(1_030 + loadLife, 1_500) }
      ]
    }
  },
  {
    what: "two loads in one life",
    invariant: "loadsPerLife",
    told: {
      executions: [{ key: "a", by: 0, asked: 1_000, ...at(1_000, 1_030) }, {
        key: "a",
        by: 1,
        asked: 1_100,
        ...at(1_100, 1_130)
      }]
    },
    excused: { windows: { trouble: [at(900, 1_050)] } },
    fine: {
      executions: [{ key: "a", by: 0, asked: 1_000, ...at(1_000, 1_030) }, {
        key: "a",
        by: 1,
        asked: 1_030,
        ...at(1_030 + loadLife, 1_500)
      }]
    }
  },
  {
    what: "a value after its stale window",
    invariant: "staleWindow",
    told: { tooOld: [{ age: 5_000, ...at(9_000) }] },
    excused: { stops: [at(4_500, 5_000)] },
    fine: {}
  },
  {
    what: "a claim that two have",
    invariant: "claimed",
    told: { won: [{ what: "claim", key: "a", by: 0, ...at(1_000) }, { what: "claim", key: "a", by: 1, ...at(1_010) }] },
    excused: { windows: { wiped: [at(1_002, 1_008)] } },
    fine: { won: [{ what: "claim", key: "a", by: 0, ...at(1_000) }, { what: "claim", key: "b", by: 1, ...at(1_010) }] }
  },
  {
    what: "a prize that two have taken",
    invariant: "taken",
    told: { won: [{ what: "prize", key: "a", by: 0, ...at(1_000) }, { what: "prize", key: "a", by: 1, ...at(1_010) }] },
    excused: { windows: { replicated: [at(500, 1_005)] } },
    fine: { won: [{ what: "prize", key: "a", by: 0, ...at(1_000) }, { what: "claim", key: "a", by: 1, ...at(1_010) }] }
  },
  {
    what: "a call that took too long",
    invariant: "inTime",
    told: { late: [{ kind: "get", bound: 500, over: 1, lag: 0, starved: 0, ending: "success", ...at(1_000, 1_601) }] },
    fine: {}
  },
  {
    what: "a failure while nothing is wrong",
    invariant: "calm",
    told: { failures: [{ kind: "get", reason: "Timeout", count: 1, lag: 0, ...at(1_000, 1_500) }] },
    excused: { windows: { trouble: [at(1_200, Infinity)] } },
    fine: {}
  }
]

describe("the judge of the soak", () => {
  for (const { excused, fine, invariant, told, what } of cases) {
    it(`reports ${what}`, () => {
      assert.include(judge(told).wrong, invariant)
    })
    if (excused !== undefined) {
      it(`does not blame the library for ${what} if Redis, or a process that stood still, is responsible`, () => {
        assert.deepStrictEqual(judge(told, excused.windows, excused.stops).wrong, [])
      })
    }
    if (Object.keys(fine).length > 0) {
      it(`mistakes nothing else for ${what}`, () => {
        const { right, wrong } = judge(fine)
        assert.deepStrictEqual(wrong, [])
        assert.include(right, invariant)
      })
    }
  }

  it("does not excuse an older version with a server that came back empty", () => {
    const { told } = cases[0]!
    assert.deepStrictEqual(judge(told, { wiped: [at(1_050, 1_200)] }).wrong, ["stale"])
  })

  it("remembers what was acknowledged long ago", () => {
    const verdicts = new Verdicts()
    const judging = new Judge("cluster", verdicts, noWindows(), [], loadLife)
    judging.hear(0, { ...nothing, attempts, acknowledged: [version(1, at(1_000)), version(2, at(1_100))] })
    judging.hear(0, { ...nothing, seen: [version(2, at(2_000))] })
    judging.judge(60_000)
    judging.hear(0, { ...nothing, seen: [version(1, at(61_000)), version(0, at(61_000))] })
    judging.judge(Infinity)
    assert.deepStrictEqual([verdicts.all.get("stale")!.wrong, verdicts.all.get("lost")!.wrong], [1, 1])
  })

  it("counts an invariant that was never checked as failed", () => {
    const verdicts = new Verdicts()
    assert.isFalse(verdicts.passes("stale"))
    verdicts.checked("stale", 1)
    assert.isTrue(verdicts.passes("stale"))
  })
})
