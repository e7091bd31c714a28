import { assert, beforeAll, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { DataPointType, type MetricData } from "@opentelemetry/sdk-metrics"
import { Effect } from "effect"
import { type Exported, exported, valueOf } from "./exported.js"

let told: Exported

beforeAll(async () => {
  told = await Effect.runPromise(exported)
}, 60_000)

const named = (name: string): MetricData => {
  const found = told.metrics.find(({ descriptor }) => descriptor.name === name)
  assert.isDefined(found, name)
  return found
}

const attributesOf = (name: string) =>
  named(name).dataPoints.map(({ attributes }) => {
    const { unit: _, ...others } = attributes
    return others
  })

const isFrom = (name: string): ReadonlyArray<string> => [...new Set(attributesOf(name).flatMap(Object.keys))].sort()

describe("metrics", () => {
  it("have these names, units and kinds", () => {
    const kinds = told.metrics.map(({ dataPointType, descriptor: { name, unit }, ...data }) => {
      const kind = dataPointType === DataPointType.HISTOGRAM
        ? "histogram"
        : "isMonotonic" in data && data.isMonotonic
        ? "counter"
        : "up-down counter"
      return `${name} ${unit} ${kind}`
    })
    assert.deepStrictEqual(kinds.sort(), [
      "cache.bypassed 1 counter",
      "cache.circuit.open 1 up-down counter",
      "cache.coalesced 1 counter",
      "cache.connection.down 1 up-down counter",
      "cache.deletes 1 counter",
      "cache.held 1 up-down counter",
      "cache.hits 1 counter",
      "cache.invalidations 1 counter",
      "cache.load.barred 1 counter",
      "cache.load.duration s histogram",
      "cache.load.failures 1 counter",
      "cache.load.refused 1 counter",
      "cache.loads 1 counter",
      "cache.misses 1 counter",
      "cache.near.bytes 1 up-down counter",
      "cache.near.entries 1 up-down counter",
      "cache.near.evictions 1 counter",
      "cache.refresh.skipped 1 counter",
      "cache.remembered 1 up-down counter",
      "cache.stale 1 counter",
      "cache.undecodable 1 counter",
      "cache.update.failed_ends 1 counter",
      "cache.updates 1 counter",
      "cache.writes 1 counter",
      "db.client.operation.duration s histogram"
    ])
  })

  it("of caches are tagged with the cache and the tier, and with nothing else", () => {
    for (const { descriptor: { name } } of told.metrics) {
      if (name.startsWith("db.") || name.includes("connection") || name.includes("circuit")) continue
      assert.deepStrictEqual(isFrom(name), ["cache", "tier"], name)
    }
    assert.sameMembers([...new Set(attributesOf("cache.hits").map(({ tier }) => tier))], ["near", "redis"])
  })

  it("of round trips say the operation, the commands, the server, and the failure", () => {
    const points = attributesOf("db.client.operation.duration")
    const server = {
      "db.system.name": "redis",
      "db.namespace": "0",
      "server.address": "127.0.0.1",
      "server.port": String(told.port)
    }
    const expected: ReadonlyArray<readonly [operation: string, commands: string]> = [
      ["get", "MGET"],
      ["set", "SET"],
      ["load", "EVALSHA lease"],
      ["load", "EVALSHA fill"],
      ["load", "EVALSHA ensureEpochs"],
      ["load", "EVALSHA release"],
      ["delete", "EVALSHA remove"],
      ["invalidateTags", "EVALSHA replaceEpochs"]
    ]
    for (const [operation, commands] of expected) {
      assert.deepInclude(points, { ...server, "db.operation.name": operation, "db.query.summary": commands })
    }
    assert.deepInclude(points, {
      ...server,
      "db.operation.name": "get",
      "db.query.summary": "MGET",
      "error.type": "Timeout"
    })
    for (const { attributes, value } of named("db.client.operation.duration").dataPoints) {
      const { max = 0 } = value as { readonly max?: number }
      if (attributes["error.type"] === "Timeout") {
        assert.isAbove(max, 0)
        assert.isBelow(max, 30, "seconds, and not milliseconds")
      }
      assert.isBelow(max, 100)
    }
  })

  it("show the current state", () => {
    assert.strictEqual(valueOf(told.metrics, "cache.circuit.open"), 1)
    assert.strictEqual(valueOf(told.metrics, "cache.connection.down"), 1)
    assert.deepStrictEqual(isFrom("cache.circuit.open"), [
      "db.namespace",
      "db.system.name",
      "server.address",
      "server.port"
    ])
    assert.isAbove(valueOf(told.metrics, "cache.near.evictions")!, 0)
  })
})

describe("spans", () => {
  const keysAndValues = /^(a|b|c|z|1|2|3)$/

  it("of round trips are client spans with the operation, the commands and the server", () => {
    const client = told.spans.filter(({ kind }) => kind === SpanKind.CLIENT)
    const lease = client.find(({ name }) => name === "EVALSHA lease")!
    assert.deepStrictEqual(lease.attributes, {
      "db.system.name": "redis",
      "db.operation.name": "getOrSet",
      "db.query.summary": "EVALSHA lease",
      "cache": "teams",
      "db.namespace": "0",
      "server.address": "127.0.0.1",
      "server.port": told.port
    })
    for (const { attributes, name } of client) {
      assert.strictEqual(attributes["db.query.summary"], name)
      assert.notStrictEqual(attributes["db.operation.batch.size"], 1)
      for (const value of Object.values(attributes)) assert.notMatch(String(value), /^(a|b|c|z)$/)
    }
    const batch = client.find(({ attributes }) => attributes["db.operation.name"] === "getMany")!
    assert.strictEqual(batch.attributes["db.operation.batch.size"], 3, "two entries, and the epoch of their tag")
  })

  it("that failed say why", () => {
    const failed = told.spans.find(({ attributes }) => attributes["error.type"] === "Timeout")!
    assert.strictEqual(failed.status.code, SpanStatusCode.ERROR)
    const load = told.spans.find(({ name, status }) => name === "Cache.load" && status.code === SpanStatusCode.ERROR)!
    assert.strictEqual(load.attributes["error.type"], "_OTHER")
    assert.strictEqual(load.attributes["cache"], "teams")
    assert.isFalse(Object.values(load.attributes).some((value) => keysAndValues.test(String(value))))
  })
})
