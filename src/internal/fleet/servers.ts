/** The servers behind a `Redis`, as they describe themselves. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import { printing } from "../definition/show.js"
import type { ServerAnswer } from "../driver/driver.js"

/** One server. */
export interface ServerReport {
  /** `host:port`, if it is one of several. */
  readonly address: Option.Option<string>
  /** The fields of `INFO` (`redis_version`, `used_memory` …). `Left`: why there are none. */
  readonly info: Either.Either<ReadonlyMap<string, string>, RedisError>
  /** The fields of `CLUSTER INFO`, if it is part of a cluster. */
  readonly cluster: Option.Option<Either.Either<ReadonlyMap<string, string>, RedisError>>
  /** The shortest of a few; none if none was answered. */
  readonly roundTrip: Option.Option<Duration.Duration>
  /** By how much the server's clock is ahead of this machine's, in ms, as of that round trip. */
  readonly clockOffset: Option.Option<number>
}

/** Lines of `field:value`. */
export const fields = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\r\n").filter((line) => !line.startsWith("#") && line.includes(":")).map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1)]
    })
  )

const toReport = ({ address, cluster, info, probes }: ServerAnswer): ServerReport => {
  const best = Option.fromNullable(
    probes.reduce<ServerAnswer["probes"][number] | undefined>(
      (least, probe) => least === undefined || probe.roundTrip < least.roundTrip ? probe : least,
      undefined
    )
  )
  return printing({
    address: Option.fromNullable(address),
    info: Either.map(info, fields),
    cluster: Option.map(Option.fromNullable(cluster), (told) => Either.map(told, fields)),
    roundTrip: Option.map(best, ({ roundTrip }) => Duration.millis(roundTrip)),
    clockOffset: Option.map(best, ({ clockOffset }) => clockOffset)
  })
}

const probes = 3

export const servers: Effect.Effect<ReadonlyArray<ServerReport>, RedisError, Redis> = Effect.flatMap(
  baseRedis,
  ({ runtime }) => Effect.map(runtime.driver.servers(probes), (answers) => answers.map(toReport))
)
