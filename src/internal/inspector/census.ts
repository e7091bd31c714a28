/** Which caches there are, and the state of the server. It is read anew if it is requested and out of date. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { RedisError } from "../../CacheError.js"
import type { Redis } from "../../Redis.js"
import { type ServerReport, servers } from "../fleet/servers.js"
import { type Survey, survey } from "../fleet/survey.js"

/** How old an answer may be, in ms: a survey goes through all keys, so at least as long as ten surveys take. */
const surveyAge = 15_000
const serversAge = 4_000
const maxKeys = 200_000

/** The last answer, and why there is no newer one. */
export interface Kept<A> {
  readonly value: A | undefined
  readonly at: number
  readonly failure: string | undefined
}

class Keeper<A> {
  private kept: Kept<A> = { value: undefined, at: 0, failure: undefined }
  private until = -Infinity
  private readonly asking = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly ask: Effect.Effect<A, RedisError, Redis>, private readonly age: number) {}

  /** One request reads, and the others wait for its result. */
  readonly get: Effect.Effect<Kept<A>, never, Redis> = this.asking.withPermits(1)(
    Effect.flatMap(Clock.currentTimeMillis, (began) => {
      if (began < this.until) return Effect.succeed(this.kept)
      return Effect.flatMap(Effect.either(this.ask), (answer) =>
        Effect.map(Clock.currentTimeMillis, (at) => {
          this.until = at + Math.max(this.age, 10 * (at - began))
          this.kept = Either.isRight(answer)
            ? { value: answer.right, at, failure: undefined }
            : { ...this.kept, failure: answer.left.message }
          return this.kept
        }))
    })
  )

  /** Drops earlier answers. */
  forget(): void {
    this.until = -Infinity
  }
}

export class Census {
  readonly survey = new Keeper<Survey>(survey({ maxKeys }), surveyAge)
  readonly servers = new Keeper<ReadonlyArray<ServerReport>>(servers, serversAge)
}
