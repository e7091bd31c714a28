/** What servers report about themselves, and what that means for caches. */
import * as Either from "effect/Either"
import type { ServerAnswer } from "../../driver/driver.js"
import { fields } from "../servers.js"
import { bad, type Finding, ok, unknown, warn } from "./finding.js"

type Info = ReadonlyMap<string, string>

const number = (info: Info, field: string): number => Number(info.get(field) ?? NaN)

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0)} MB`

/** The oldest version with all commands that the library sends: GETDEL, `SET … KEEPTTL`, `CLIENT TRACKING`. */
const oldest = [6, 2] as const

const version = (info: Info): Finding => {
  // Valkey also reports that it is a Redis 7.2.
  const valkey = info.get("valkey_version")
  const redis = info.get("redis_version") ?? "of an unknown version"
  const name = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`
  const [major = 0, minor = 0] = redis.split(".").map(Number)
  return major > oldest[0] || major === oldest[0] && minor >= oldest[1]
    ? ok("version", name)
    : bad("version", `${name} lacks commands that are needed`, "Use Redis 6.2 or later, or Valkey")
}

const replication = (info: Info): Finding => {
  const replicas = number(info, "connected_slaves")
  if (info.get("role") === "master") {
    return ok("replication", replicas > 0 ? `a master with ${replicas} replicas` : "a master without replicas")
  }
  const master = `${info.get("master_host") ?? "?"}:${info.get("master_port") ?? "?"}`
  return bad(
    "replication",
    `this is a replica of ${master}: it answers reads, late, and refuses every write`,
    `Connect to the master, ${master}; or name the sentinels or the cluster, which know where the master is`
  )
}

const keepsWithoutLife = "entries without a time to live are never evicted"

const evictionOf = (policy: string): Finding => {
  switch (policy) {
    case "allkeys-lru":
    case "allkeys-lfu":
      return ok("eviction", policy)
    case "allkeys-random":
      return ok("eviction", `${policy}: what is used often goes as soon as what is not; allkeys-lfu keeps it`)
    case "noeviction":
      return warn(
        "eviction",
        "noeviction: once memory is full, every write fails with reason OutOfMemory",
        "Where Redis is a cache and nothing else: CONFIG SET maxmemory-policy allkeys-lfu. Where it keeps other data, " +
          "too: give caches a Redis of their own"
      )
    case "volatile-ttl":
      return warn(
        "eviction",
        `${policy}: the leases of loads that run go first, and ${keepsWithoutLife}`,
        "CONFIG SET maxmemory-policy allkeys-lfu, or volatile-lfu where other data must stay"
      )
    default:
      return policy.startsWith("volatile-")
        ? warn(
          "eviction",
          `${policy}: ${keepsWithoutLife}`,
          "Give every cache a timeToLive; or CONFIG SET maxmemory-policy allkeys-lfu, if Redis is a cache and nothing else"
        )
        : unknown("eviction", `an unknown policy: ${policy}`)
  }
}

const eviction = (info: Info): Finding => {
  const policy = info.get("maxmemory_policy")
  if (policy === undefined) return unknown("eviction", "the server does not say")
  if (number(info, "maxmemory") > 0) return evictionOf(policy)
  return warn(
    "eviction",
    `maxmemory is not set, so nothing is ever evicted (the policy would be ${policy}), and Redis may take all memory there is`,
    "CONFIG SET maxmemory 1gb and CONFIG SET maxmemory-policy allkeys-lfu, as fits the machine; and the same in redis.conf"
  )
}

/** Of the limit. */
const nearlyFull = 0.9

const memory = (info: Info): Finding => {
  const used = number(info, "used_memory")
  const limit = number(info, "maxmemory")
  const evicted = number(info, "evicted_keys")
  if (Number.isNaN(used)) return unknown("memory", "the server does not say")
  const evictions = evicted > 0 ? `; ${evicted} keys evicted since it started` : ""
  if (!(limit > 0)) return ok("memory", `${megabytes(used)} used, without a limit${evictions}`)
  const share = `${megabytes(used)} of ${megabytes(limit)} used (${Math.round(100 * used / limit)} %)${evictions}`
  if (used < nearlyFull * limit) return ok("memory", share)
  return info.get("maxmemory_policy") === "noeviction"
    ? bad("memory", `${share}: writes fail, or are about to`, "Raise maxmemory, or let Redis evict: see eviction")
    : warn(
      "memory",
      `${share}: Redis evicts to make room`,
      "Raise maxmemory if the hit ratio suffers, or shorten lives"
    )
}

/** A server of a cluster that was connected to as if it were the only one. */
const alone = (info: Info): ReadonlyArray<Finding> =>
  info.get("cluster_enabled") === "1"
    ? [
      bad(
        "cluster",
        "this server is one of a cluster, and has only some of the keys",
        "Connect with layerCluster (--cluster)"
      )
    ]
    : []

const slotCount = 16_384

const cluster = (told: NonNullable<ServerAnswer["cluster"]>): Finding => {
  if (Either.isLeft(told)) return unknown("cluster", `CLUSTER INFO failed: ${told.left.message}`)
  const info = fields(told.right)
  const assigned = number(info, "cluster_slots_assigned")
  const working = number(info, "cluster_slots_ok")
  const repair = "See redis-cli --cluster check <host>:<port>, and mend it with redis-cli --cluster fix <host>:<port>"
  if (assigned < slotCount) {
    const missing = slotCount - assigned
    const down = info.get("cluster_state") === "ok"
      ? "keys of these slots fail"
      : "the whole cluster refuses commands (cluster-require-full-coverage)"
    return bad("cluster", `${missing} of ${slotCount} slots have no server: ${down}`, repair)
  }
  if (working < slotCount) {
    return bad(
      "cluster",
      `${slotCount - working} of ${slotCount} slots are on a server that does not answer`,
      "Start that server again, or let one of its replicas take over: CLUSTER FAILOVER FORCE on a replica"
    )
  }
  return info.get("cluster_state") === "ok"
    ? ok("cluster", `${number(info, "cluster_size")} masters, all slots covered`)
    : bad("cluster", `cluster_state is ${info.get("cluster_state") ?? "unknown"}`, repair)
}

const infoOf = ({ cluster: told, info }: ServerAnswer): ReadonlyArray<Finding> => {
  if (Either.isLeft(info)) {
    const { left } = info
    return left.reason === "Auth" || left.reason === "Command"
      ? [unknown(
        "version",
        "this user may not ask INFO, which tells version, replication, eviction and memory",
        "ACL SETUSER <user> +info"
      )]
      : [bad("connection", `no answer: ${left.message}`, "Look whether this server runs, and is reached from here")]
  }
  const found = fields(info.right)
  return [version(found), replication(found), eviction(found), memory(found), ...told === undefined ? alone(found) : []]
}

const named = ({ address }: ServerAnswer) => (finding: Finding): Finding =>
  address === undefined ? finding : { ...finding, message: `${address}: ${finding.message}` }

/** A finding that is the same for all servers is reported once. */
const merged = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const seen = new Set<string>()
  return findings.filter(({ check, message }) => {
    const id = `${check} ${message}`
    return !seen.has(id) && seen.add(id)
  })
}

export const ofServers = (answers: ReadonlyArray<ServerAnswer>): ReadonlyArray<Finding> => [
  ...answers.flatMap((answer) => infoOf(answer).map(named(answer))),
  ...merged(answers.flatMap(({ cluster: told }) => told === undefined ? [] : [cluster(told)]))
]

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** In ms. */
const slow = 10

const latency = (roundTrips: ReadonlyArray<number>): Finding => {
  const usual = median(roundTrips)
  const text = `a round trip takes ${usual.toFixed(1)} ms, the longest of ${roundTrips.length} took ` +
    `${Math.max(...roundTrips).toFixed(1)} ms`
  return usual < slow
    ? ok("latency", text)
    : warn(
      "latency",
      `${text}: every hit waits for one`,
      "Bring processes and Redis nearer to each other, or keep near copies (near)"
    )
}

/** In ms. */
const apart = 1_000

const clocks = (offsets: ReadonlyArray<number>): Finding => {
  const [first = 0] = offsets
  const spread = Math.max(...offsets) - Math.min(...offsets)
  if (spread > apart) {
    return warn(
      "clock",
      `the servers' clocks are ${
        (spread / 1_000).toFixed(1)
      } s apart: lives of entries differ by as much after a failover`,
      "Let the servers' clocks be kept by NTP (chronyd, systemd-timesyncd)"
    )
  }
  const by = Math.abs(first)
  return ok(
    "clock",
    by < apart
      ? "the server's clock and this machine's agree"
      : `the server's clock is ${(by / 1_000).toFixed(1)} s ${first > 0 ? "ahead of" : "behind"} this machine's; ` +
        "the library measures that, and lives by the server's"
  )
}

export const ofProbes = (answers: ReadonlyArray<ServerAnswer>): ReadonlyArray<Finding> => {
  const answered = answers.filter(({ probes }) => probes.length > 0)
  if (answered.length === 0) return []
  return [
    latency(answered.flatMap(({ probes }) => probes.map(({ roundTrip }) => roundTrip))),
    clocks(answered.map(({ probes }) => median(probes.map(({ clockOffset }) => clockOffset))))
  ]
}
