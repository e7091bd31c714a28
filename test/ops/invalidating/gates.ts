/** Updates that begin and end when a test says so. */
import { Deferred, Effect } from "effect"

/** An update of a source: it says when it has begun, and goes on when it is told to. */
export const gate = Effect.gen(function*() {
  const begun = yield* Deferred.make<void>()
  const told = yield* Deferred.make<void>()
  return {
    begun: Deferred.await(begun),
    update: Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(told)),
    goOn: Deferred.succeed(told, undefined)
  }
})

/** A source with one version of everything, and loads that read it. */
export class Source {
  version = 1

  readonly read = Effect.sync(() => `v${this.version}`)

  readonly commit = Effect.sync(() => {
    this.version++
  })
}
