/** A process of the fleet: it does what its test asks over IPC. See `fleet.ts`. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import type { Redis } from "../../../src/Redis.js"
import * as RedisLayer from "../../../src/RedisLayer.js"
import { answering, telling } from "../../support/processes/answering.js"
import { now } from "../../support/processes/now.js"
import { mixed } from "../faults/mixedLoad.js"
import type {
  Answer,
  CacheSettings,
  Execution,
  FleetProtocol,
  Replies,
  Report,
  Request,
  Written
} from "./fleetProtocol.js"

const tell = telling<FleetProtocol>()

const makeCache = (settings: CacheSettings) => Cache.make({ ...settings, schema: Schema.String })

let runtime: ManagedRuntime.ManagedRuntime<Redis, unknown> | undefined
let cache: ReturnType<typeof makeCache>
let runs = 0

const load = (key: string, millis: number, executions: Array<Execution>): Effect.Effect<string> =>
  Effect.suspend(() => {
    const execution: Execution = {
      key,
      value: `${process.pid}#${++runs} of ${key}`,
      started: now(),
      ended: undefined
    }
    executions.push(execution)
    tell(execution)
    return Effect.map(Effect.sleep(millis), () => {
      execution.ended = now()
      return execution.value
    })
  })

const call = (key: string, millis: number, report: { executions: Array<Execution>; answers: Array<Answer> }) =>
  Effect.suspend(() => {
    const asked = now()
    return Effect.map(
      Effect.exit(Cache.getOrSet(cache, key, load(key, millis, report.executions))),
      (exit) => {
        report.answers.push({
          key,
          value: Exit.isSuccess(exit) ? exit.value : undefined,
          failure: Exit.isFailure(exit) ? Cause.pretty(exit.cause) : undefined,
          asked,
          answered: now()
        })
      }
    )
  })

const writeVersions = ({ forMillis, keys, perSecond }: Extract<Request, { op: "writeVersions" }>) =>
  Effect.gen(function*() {
    const began = now()
    const written: Array<Written> = []
    for (let n = 0; now() < began + forMillis; n++) {
      const key = n % keys
      const version = Math.floor(n / keys) + 1
      yield* Cache.set(cache, String(key), String(version))
      written.push({ key, version, acknowledged: now() })
      yield* Effect.sleep(Math.max(0, began + (n * 1000) / perSecond - now()))
    }
    return written
  })

const readVersions = ({ forMillis, keys }: Extract<Request, { op: "readVersions" }>) =>
  Effect.gen(function*() {
    const end = now() + forMillis
    const seen = new Map<string, { key: number; version: number; lastBegan: number }>()
    let reads = 0
    let failures = 0
    while (now() < end) {
      // Now and then the event loop needs to hear of changes.
      yield* Effect.sleep(1)
      for (let n = 0; n < 200; n++) {
        const key = reads++ % keys
        const began = now()
        const found = yield* Effect.either(Cache.get(cache, String(key)))
        if (found._tag === "Left") failures++
        else if (Option.isSome(found.right)) {
          const version = Number(found.right.value)
          seen.set(`${key} ${version}`, { key, version, lastBegan: began })
        }
      }
    }
    const { nearHits } = yield* Cache.stats(cache)
    return { reads, nearHits, failures, seen: [...seen.values()] }
  })

const layerOf = (request: Extract<Request, { op: "connect" }>) => {
  const { prefix } = request
  if ("url" in request) return RedisLayer.layer({ url: request.url, prefix, publish: request.publish ?? false })
  const { commandTimeout } = request
  return "nodes" in request
    ? RedisLayer.layerCluster(request.nodes, { prefix, commandTimeout })
    : RedisLayer.layer({ sentinels: request.sentinels, name: request.name, prefix, commandTimeout })
}

const serve = (request: Request): Effect.Effect<Replies[keyof Replies], unknown, Redis> => {
  const report = { executions: new Array<Execution>(), answers: new Array<Answer>() } satisfies Report
  switch (request.op) {
    case "connect":
      // The runtime exists already: this connects it.
      return Effect.succeed(true)
    case "callers": {
      const calls = Effect.forEach(
        Array.from({ length: request.callers }),
        () => call(request.key, request.loadMillis, report),
        { concurrency: "unbounded", discard: true }
      )
      return Effect.sleep(Math.max(0, (request.startAt ?? 0) - now())).pipe(
        Effect.zipRight(calls),
        Effect.as(report)
      )
    }
    case "loop": {
      const end = now() + request.forMillis
      const one = (caller: number) =>
        Effect.iterate(caller, {
          while: () => now() < end,
          body: (turn) =>
            call(String(turn % request.keys), request.loadMillis, report).pipe(
              Effect.zipRight(Effect.sleep(request.pauseMillis)),
              Effect.as(turn + 1)
            )
        })
      return Effect.as(
        Effect.forEach(Array.from({ length: request.callers }, (_, i) => i), one, { concurrency: "unbounded" }),
        report
      )
    }
    case "sleepers":
      return Effect.sleep(Math.max(0, request.startAt - now())).pipe(
        Effect.zipRight(Effect.forEach(
          Array.from({ length: request.callers }),
          () => Effect.map(Effect.exit(Effect.sleep(request.sleepMillis)), now),
          { concurrency: "unbounded" }
        )),
        Effect.map((woken) => Math.max(...woken))
      )
    case "get":
      return Effect.map(Cache.get(cache, request.key), Option.getOrNull)
    case "delete":
      return Cache.delete(cache, request.key)
    case "writeVersions":
      return writeVersions(request)
    case "readVersions":
      return readVersions(request)
    case "mixed":
      return mixed(cache, request)
  }
}

answering<FleetProtocol>((request) => {
  if (request.op === "connect") {
    void runtime?.dispose()
    cache = makeCache(request.cache)
    runtime = ManagedRuntime.make(layerOf(request))
  }
  return runtime!.runPromise(serve(request).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))
})
