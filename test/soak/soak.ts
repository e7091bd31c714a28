/**
 * `npm run soak -- --minutes N --seed S`: several processes work on a single server behind a proxy that misbehaves, and
 * on a cluster. Meanwhile, one fault after another hits both, and they get bad input all the time. `judge.ts` judges
 * what the processes do and see while they run. The last line is `N passed, N failed`, of the invariants in
 * `verdicts.ts`.
 */
import * as Effect from "effect/Effect"
import { Redis as Client } from "ioredis"
import { clusterFaults } from "../support/cluster/clusterFaults.js"
import { now } from "../support/processes/now.js"
import * as Proxy from "../support/proxy.js"
import * as RedisCluster from "../support/redisCluster.js"
import * as RedisServer from "../support/redisServer.js"
import { closing, Figures, megabytes } from "./figures.js"
import { connections, inspect } from "./inspect.js"
import { Horizon, Judge, type Windows } from "./judge.js"
import { readOptions } from "./options.js"
import * as Processes from "./processes.js"
import { type Batch, commandTimeout, lease, maxStaleness, targets } from "./protocol.js"
import { makeRandom } from "./random.js"
import { type Counted, type Opening, pause, singleFaults } from "./singleFaults.js"
import { type Invariant, Verdicts } from "./verdicts.js"
import { oneLife } from "./work/loads.js"
import { versionKeys } from "./work/registers.js"

const workers = 3
const prefix = "soak:"

/** Until processes have noticed that everything is healthy again, in ms: the contract gives them a second. */
const recovery = { single: 1_500, cluster: 2_500 } as const

/** Windows are known this long after they began, in ms. */
const windowsLate = 2_000

/** What a heap may grow by, in bytes: late compilation, and chance. */
const heapMargin = 8e6

type OpenWindows = { readonly [K in keyof Windows]: Array<Opening & { readonly name?: string }> }

const program = Effect.gen(function*() {
  const { minutes, seed } = readOptions(process.argv.slice(2))
  console.log(`a soak of ${minutes} minutes; --seed ${seed}`)
  const random = makeRandom(seed)
  const started = now()
  const verdicts = new Verdicts((violation) => console.log(`${((now() - started) / 1_000).toFixed(1)} s: ${violation}`))
  const figures = new Figures()
  const horizon = new Horizon()
  const counted: Counted = { evicted: 0 }
  const stops: Array<Opening> = []
  const openWindows = (): OpenWindows => ({ wiped: [], replicated: [], trouble: [] })
  const windows = { single: openWindows(), cluster: openWindows() }
  const judges = {
    single: new Judge("single", verdicts, windows.single, stops, oneLife),
    cluster: new Judge("cluster", verdicts, windows.cluster, stops, oneLife)
  }

  const server = yield* RedisServer.make()
  const proxy = yield* Proxy.make(server.port)
  const cluster = yield* RedisCluster.make()
  const admin = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Client(server.port, "127.0.0.1", { retryStrategy: () => 50 })
      client.on("error", () => {}) // the server is killed now and then
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

  const onBatch = (batch: Batch): void => {
    figures.hear(batch)
    horizon.hear(batch)
    for (const target of targets) {
      const told = batch.told[target]
      judges[target].hear(batch.by, told)
      // They are named in one place.
      for (const [name, times] of Object.entries(told.checks)) verdicts.checked(name as Invariant, times)
      for (const { detail, invariant } of told.violations) {
        verdicts.violated(invariant as Invariant, `${target}, process ${batch.by}: ${detail}`)
      }
    }
  }
  const processes = yield* Processes.make(workers, onBatch, (how) => verdicts.violated("workers", how))
  const address = (port: number) => ({ host: "127.0.0.1", port })
  const where = { proxy: address(proxy.port), server: address(server.port), cluster: cluster.addresses }
  yield* Effect.promise(() =>
    Promise.all(processes.map((each, index) => each.begin({ ...where, workers, prefix, index, seed })))
  )

  const began = now()
  const end = began + minutes * 60_000

  /** One fault after another until the end, all equally often. */
  const trouble = async (target: "single" | "cluster", faults: Readonly<Record<string, () => Promise<void>>>) => {
    const calm = () => pause(random.between(200, random.pick([600, 2_000, 4_000])))
    for (;;) {
      for (const [name, fault] of random.shuffle(Object.entries(faults))) {
        await calm()
        if (now() > end) return
        const window = { from: now(), to: Infinity, name }
        windows[target].trouble.push(window)
        await fault()
        window.to = now() + recovery[target]
        figures.fault(target, name)
      }
    }
  }

  const stopSomebody = async (): Promise<void> => {
    const { child } = random.pick(processes)
    const window = { from: now(), to: Infinity }
    stops.push(window)
    child.kill("SIGSTOP")
    await pause(random.between(50, 1.5 * lease.duration))
    child.kill("SIGCONT")
    window.to = now() + commandTimeout
  }

  const judgeAll = (before: number) => {
    for (const target of targets) judges[target].judge(before)
  }

  const minute = async (): Promise<void> => {
    for (let n = 1; began + n * 60_000 < end; n++) {
      await pause(began + n * 60_000 - now())
      const { badInputs, failures, faults, operations } = figures.totals
      console.log(
        `${n} min: ${operations.toLocaleString("en")} operations, ${failures.toLocaleString("en")} failed, ` +
          `${faults} faults, ${badInputs.toLocaleString("en")} bad inputs, ${verdicts.wrong} violations`
      )
    }
  }

  yield* Effect.promise(async () => {
    const judging = setInterval(() => judgeAll(Math.min(horizon.of(workers), now() - windowsLate)), 500)

    const moved = Array.from({ length: Math.min(6, versionKeys) }, (_, key) => `${prefix}versions:${key}`)
    await Promise.all([
      trouble("single", {
        ...singleFaults({ server, proxy, admin, random, counted, wiped: windows.single.wiped }),
        "a process stands still": stopSomebody
      }),
      trouble("cluster", {
        ...clusterFaults(cluster, moved, windows.cluster.replicated),
        "scripts forgotten": async () => {
          await Promise.all((await cluster.masters()).map(({ client }) => client.script("FLUSH")))
        },
        "clients killed": async () => {
          for (const { client } of await cluster.masters()) await client.call("CLIENT", "KILL", "TYPE", "normal")
        },
        "listeners killed": async () => {
          for (const { client } of await cluster.masters()) await client.call("CLIENT", "KILL", "TYPE", "pubsub")
        }
      }),
      minute()
    ])
    await pause(recovery.cluster + 1_000)
    const seconds = (now() - began) / 1_000

    const left = await Promise.all(processes.map((each) => each.stop()))
    clearInterval(judging)
    judgeAll(Infinity)
    for (const { by, flights, reading, refreshes, unhandled, working } of left) {
      const all = { by, flights, reading, refreshes, working }
      verdicts.check("leftovers", flights + reading + refreshes + working.length === 0, () => JSON.stringify(all))
      verdicts.check("unhandled", unhandled.length === 0, () => `process ${by}: ${unhandled.slice(0, 3).join("; ")}`)
    }
    for (const { by, early, late } of figures.heapGrowth()) {
      verdicts.check(
        "heap",
        late - early <= heapMargin,
        () => `process ${by}: from ${megabytes(early)} to ${megabytes(late)}`
      )
    }

    await pause(lease.duration + 500)
    const servers = [admin, ...(await cluster.masters()).map(({ client }) => client)]
    for (const client of servers) {
      const { endless, keys, leased } = await inspect(client)
      verdicts.checked("leases", keys)
      verdicts.checked("lives", keys)
      for (const key of leased) verdicts.violated("leases", key)
      for (const key of endless) if (!mayStay(key)) verdicts.violated("lives", key)
    }

    for (const code of await Promise.all(processes.map((each) => each.close()))) {
      verdicts.check("workers", code === 0, () => `a worker ended with ${code}`)
    }
    await pause(500)
    for (const client of servers) {
      const open = await connections(client)
      verdicts.check("connections", open.length === 0, () => `open: ${open.join("; ")}`)
    }

    const staleness = { single: judges.single.staleness, cluster: judges.cluster.staleness }
    console.log(`it took ${((now() - began) / 1_000).toFixed(0)} s in all`)
    console.log(figures.table(seconds, staleness, counted.evicted))
    console.log(`(a copy may be served for ${maxStaleness} ms after its value was replaced)`)
    console.log(closing(verdicts))
    process.exitCode = [...verdicts.all.keys()].every((name) => verdicts.passes(name)) ? 0 : 1
  })
})

/** Versions never expire, and the library did not write the saboteur's bytes. */
const mayStay = (key: string): boolean =>
  ["versions:", "foreign:", "foreignCounts:", ":tag:foreign:sabotaged"].some((start) => key.startsWith(prefix + start))

// Servers and workers end with this process: see `redisServer.ts` and `launch.ts`.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

await Effect.runPromise(Effect.scoped(program))

// Nothing that could still keep the process alive, or busy, matters any more.
process.exit()
