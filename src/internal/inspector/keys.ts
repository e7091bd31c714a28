/**
 * Keys of a cache, page by page. SCAN has no way back and no pages of its own, so each list that is being read is a
 * stream that waits here for the next page. After a while, or when there are too many, it ends, and a new one starts
 * from the beginning.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { toHex } from "../bytes/hex.js"
import { RandomBytes } from "../bytes/randomBytes.js"
import type { KeySummary } from "../fleet/rows.js"
import { keys } from "../fleet/survey.js"
import type { Row } from "./answers.js"

const maxLists = 16
const idleMillis = 120_000

export interface KeysQuery {
  readonly cache: string
  readonly startsWith: string
  readonly contains: string
  /** Goes on with a list. */
  readonly list: string | undefined
  readonly count: number
}

const row = ({ key, life, memory, size, state, tags, text, timeToLive, version }: KeySummary): Row => ({
  key,
  text,
  state,
  size: Option.getOrNull(size),
  memory: Option.getOrNull(memory),
  timeToLive: Option.getOrNull(Option.map(timeToLive, millis)),
  life: millis(life),
  version: Option.getOrNull(version),
  tags: tags.map(({ holds, name }) => ({ name, holds }))
})

/** `-1`: without an end. */
const millis = (duration: Duration.Duration): number => Duration.isFinite(duration) ? Duration.toMillis(duration) : -1

export interface Page {
  readonly rows: ReadonlyArray<Row>
  /** Identifies the list in the request for its next page; none if this was the last. */
  readonly list: string | null
}

class List {
  private waiting: Array<Row> = []
  private readonly seen = new Set<string>()
  private over = false
  usedAt = 0

  constructor(
    private readonly pull: Effect.Effect<
      Chunk.Chunk<ReadonlyArray<KeySummary>>,
      Option.Option<RedisError>,
      Redis
    >,
    readonly scope: Scope.CloseableScope
  ) {}

  next(count: number): Effect.Effect<ReadonlyArray<Row>, RedisError, Redis> {
    return Effect.suspend(() => {
      if (this.over || this.waiting.length >= count) return Effect.succeed(this.waiting.splice(0, count))
      return Effect.matchEffect(this.pull, {
        onFailure: (end) => {
          if (Option.isSome(end)) return Effect.fail(end.value)
          this.over = true
          return this.next(count)
        },
        onSuccess: (pages) => {
          for (const found of Chunk.flatMap(pages, Chunk.fromIterable)) {
            // SCAN may give a key twice.
            if (this.seen.has(found.key)) continue
            this.seen.add(found.key)
            this.waiting.push(row(found))
          }
          return this.next(count)
        }
      })
    })
  }

  get isOver(): boolean {
    return this.over && this.waiting.length === 0
  }
}

export class Lists {
  private readonly lists = new Map<string, List>()
  private readonly random = new RandomBytes()

  constructor(private readonly scope: Scope.Scope) {}

  page({ cache, contains, count, list, startsWith }: KeysQuery): Effect.Effect<Page, RedisError, Redis> {
    return Effect.gen(this, function*() {
      const now = yield* Clock.currentTimeMillis
      yield* this.sweep(now)
      const id = list !== undefined && this.lists.has(list) ? list : toHex(this.random.make(8))
      const open = this.lists.get(id) ?? (yield* this.open(id, keys(cache, { contains, startsWith })))
      open.usedAt = now
      const rows = yield* open.next(count)
      if (!open.isOver) return { rows, list: id }
      yield* this.end(id)
      return { rows, list: null }
    })
  }

  private open(
    id: string,
    found: Stream.Stream<ReadonlyArray<KeySummary>, RedisError, Redis>
  ): Effect.Effect<List, never, Redis> {
    return Effect.gen(this, function*() {
      const scope = yield* Scope.fork(this.scope, { _tag: "Sequential" })
      const pull = yield* Scope.extend(Stream.toPull(found), scope)
      const list = new List(pull, scope)
      this.lists.set(id, list)
      return list
    })
  }

  private sweep(now: number): Effect.Effect<void> {
    const byAge = [...this.lists].sort(([, a], [, b]) => a.usedAt - b.usedAt)
    const old = byAge.filter(([, { usedAt }], i) => now - usedAt > idleMillis || byAge.length - i >= maxLists)
    return Effect.forEach(old, ([id]) => this.end(id), { discard: true })
  }

  private end(id: string): Effect.Effect<void> {
    const list = this.lists.get(id)
    this.lists.delete(id)
    return list === undefined ? Effect.void : Scope.close(list.scope, Exit.void)
  }
}
