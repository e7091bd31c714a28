import type { KeyValueStore as Platform } from "@effect/platform/KeyValueStore"
import type { Layer } from "effect"
import type { Redis } from "effect-redis-cache"
import * as KeyValueStore from "effect-redis-cache/KeyValueStore"
import { describe, expect, it } from "tstyche"

describe("KeyValueStore", () => {
  it("layer needs a Redis, and cannot fail", () => {
    expect(KeyValueStore.layer({ name: "store", timeToLive: "1 day" })).type.toBe<
      Layer.Layer<Platform, never, Redis.Redis>
    >()
    expect(KeyValueStore.layer({ name: "store", near: { capacity: 10 }, maxValueSize: 1_000, version: 1 })).type.toBe<
      Layer.Layer<Platform, never, Redis.Redis>
    >()
  })

  it("a store has a name", () => {
    // @ts-expect-error: Property 'name' is missing
    KeyValueStore.layer({ timeToLive: "1 day" })
  })
})
