/** Checks what is behind a `Redis`. Each finding says what it means and what to do. */
import * as Effect from "effect/Effect"
import type { Redis } from "../../../Redis.js"
import { baseRedis } from "../../cache/bind.js"
import { bad, type Finding, ok, unknown } from "./finding.js"
import { rights, tracking } from "./rights.js"
import { ofProbes, ofServers } from "./servers.js"

/** How often each server is asked what time it is. */
const probes = 10

/** How long the server may take to begin to report changes, in ms. */
const patience = 3_000

export const doctor: Effect.Effect<ReadonlyArray<Finding>, never, Redis> = Effect.gen(function*() {
  const { runtime } = yield* baseRedis
  const answers = yield* Effect.either(runtime.driver.servers(probes))
  if (answers._tag === "Left") {
    return [bad(
      "connection",
      answers.left.message,
      "Look whether the server runs and is reached from here; caches with onRedisError: \"bypass\" go on without it"
    )]
  }
  const servers = answers.right
  const connection = servers.length === 0
    ? ok("connection", "in memory, in this process")
    : ok("connection", servers.length === 1 ? "the server answers" : `${servers.length} masters answer`)
  const found = ofServers(servers)
  const isDown = found.some(({ check, level }) => check === "cluster" && level === "bad")
  return [
    connection,
    ...found,
    isDown
      ? unknown("rights", "they are tried once the cluster is whole")
      : found.some(({ check, level }) => check === "replication" && level === "bad")
      ? unknown("rights", "they are tried on a master")
      : yield* rights(runtime),
    yield* tracking(runtime, patience),
    ...ofProbes(servers)
  ]
})
