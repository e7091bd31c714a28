/** Problems, most important first. Without problems, nothing is shown. */
import type { CacheInfo, Overview } from "../src/internal/inspector/answers.js"
import { type Child, code, type Tone } from "./dom.js"
import { bytes, clock, duration, number, percent, plural, rate } from "./words.js"

export interface Finding {
  readonly tone: Tone
  readonly title: string
  readonly says: ReadonlyArray<Child>
  readonly cache?: string
}

/** One in ten loads. */
const failing = 0.1

export const isFailing = ({ rates }: CacheInfo): boolean =>
  rates !== null && rates.failed > 0 && rates.failed >= failing * rates.loads

export const toneOf = (cache: CacheInfo): readonly [Tone, string] => {
  const { rates } = cache
  if (rates === null) return ["dim", "not published"]
  if (isFailing(cache)) return ["bad", "source failing"]
  if (rates.bypassed > 0) return ["warn", "without Redis"]
  if (rates.undecodable > 0) return ["warn", "undecodable values"]
  if (rates.held > 0) return ["busy", "updates run"]
  return ["ok", "healthy"]
}

const ofCache = (cache: CacheInfo): ReadonlyArray<Finding> => {
  const { name, policy, rates } = cache
  if (rates === null) return []
  const found: Array<Finding> = []
  if (isFailing(cache)) {
    found.push({
      tone: "bad",
      title: `${name}: its source is failing`,
      cache: name,
      says: [
        `${percent(rates.failed / Math.max(rates.loads, rates.failed))} of its loads fail, ${
          rate(rates.failed)
        } a second. `,
        rates.stale > 0
          ? `Readers get stale values ${rate(rates.stale)} times a second.`
          : policy?.staleIfError === undefined
          ? "Callers that load get the failure: the cache has no staleIfError that the page knows of."
          : `Stale values are served for ${String(policy.staleIfError)}; then callers get the failure.`
      ]
    })
  }
  if (rates.bypassed > 0) {
    found.push({
      tone: "warn",
      title: `${name} continues without Redis`,
      cache: name,
      says: [`${rate(rates.bypassed)} operations a second. Each of them may be a load from the source.`]
    })
  }
  if (rates.undecodable > 0) {
    found.push({
      tone: "warn",
      title: `${name}: stored values do not decode`,
      cache: name,
      says: ["Two releases, or two programs, write different things under this name. Give one of them another name."]
    })
  }
  return found
}

const ofServers = ({ servers }: Overview): ReadonlyArray<Finding> => {
  const found: Array<Finding> = []
  for (const { address, maxMemory, memory, policy } of servers) {
    const where = address === null ? "" : ` (${address})`
    const used = maxMemory === null || maxMemory === 0 || memory === null ? 0 : memory / maxMemory
    if (policy === "noeviction" && used > 0.7) {
      found.push({
        tone: used > 0.95 ? "bad" : "warn",
        title: `Memory is ${percent(used)} full, and nothing is evicted${where}`,
        says: [
          "When it is full, writes fail with ",
          code("OutOfMemory"),
          " instead of making room. If only caches use this Redis: ",
          code("CONFIG SET maxmemory-policy allkeys-lfu")
        ]
      })
    }
    if (maxMemory === 0) {
      found.push({
        tone: "warn",
        title: `Redis has no maxmemory${where}`,
        says: [
          `It uses ${bytes(memory)}, and grows until the machine has no memory left. `,
          code("CONFIG SET maxmemory"),
          " bounds it."
        ]
      })
    }
  }
  return found
}

export const findingsOf = (overview: Overview): ReadonlyArray<Finding> => {
  const { at, caches, connection, processes, survey } = overview
  const found: Array<Finding> = []
  if (connection.failure !== null) {
    found.push({
      tone: "bad",
      title: connection.failingSince === null
        ? "Redis does not answer"
        : `Redis does not answer since ${clock(connection.failingSince)}`,
      says: [
        code(connection.failure),
        " Figures that other processes publish are stored in Redis, so only those of this process are known. ",
        "Caches with onRedisError \"bypass\" load from their sources; others fail."
      ]
    })
  }
  found.push(...caches.flatMap(ofCache), ...ofServers(overview))
  const late = processes.filter(({ every, publishedAt }) => at - publishedAt > 2.5 * every + 1_000)
  if (late.length > 0 && connection.failure === null) {
    found.push({
      tone: "warn",
      title: `${plural(late.length, "process")} ${late.length === 1 ? "publishes" : "publish"} late`.replace(
        "processs",
        "processes"
      ),
      says: [
        late.slice(0, 5).map(({ name, publishedAt }) => `${name}, ${duration(at - publishedAt)} ago`).join("; "),
        ". It is busy, suspended, or down."
      ]
    })
  }
  if (survey.complete === false) {
    found.push({
      tone: "dim",
      title: "There are more keys than the page counts",
      says: [
        `Numbers of entries and bytes cover the first ${
          number(caches.reduce((sum, { keys }) => sum + (keys ?? 0), 0))
        } keys.`
      ]
    })
  }
  return found
}
