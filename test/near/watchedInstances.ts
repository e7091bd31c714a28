/** Shared by the tests of near copies: `Redis` instances over one server, with feeds that tests control. */
import { Context, Effect, Layer } from "effect"
import { Redis, RedisLayer } from "effect-redis-cache"
import { makeService } from "../../src/internal/cache/runtime.js"
import type { Driver, Link, Watcher } from "../../src/internal/driver/driver.js"
import type { Service } from "../load/memoryInstances.js"

/** A feed that a test can hold back, cut and restore. Otherwise it reports changes at once. */
export class Feed {
  private watcher: Watcher | undefined
  private held: Array<ReadonlyArray<string> | undefined> | undefined
  private linked = false
  private silent = false
  renewals = 0
  /** How often the driver's own connection was replaced. */
  connections = 0
  heartbeats = 0

  constructor(private readonly prefix: string) {}

  private readonly link: Link = {
    heartbeats: (id) => [`${this.prefix}:near:${id}`],
    renew: () => {
      this.renewals++
    }
  }

  watch(inner: Driver["watch"]): Driver["watch"] {
    return (watcher) => {
      this.watcher = watcher
      return inner({
        onLink: () => this.mend(),
        onChange: (keys) => {
          if (keys?.some((key) => key.startsWith(`${this.prefix}:near:`)) === true) this.heartbeats++
          if (!this.linked || this.silent) return
          if (this.held === undefined) watcher.onChange(keys)
          else this.held.push(keys)
        },
        onLoss: watcher.onLoss,
        onSleep: watcher.onSleep
      })
    }
  }

  /** From now on, changes arrive only when `deliver` is called. */
  hold(): void {
    this.held ??= []
  }

  deliver(): void {
    const { held } = this
    this.held = undefined
    for (const keys of held ?? []) this.watcher!.onChange(keys)
  }

  /** Nothing arrives any more, without any error. */
  silence(): void {
    this.silent = true
  }

  cut(): void {
    this.linked = false
    this.held = undefined
    this.watcher!.onLoss()
  }

  /** The machine was suspended. */
  sleep(): void {
    this.watcher!.onSleep()
  }

  mend(): void {
    this.linked = true
    this.silent = false
    this.watcher!.onLink(this.link)
  }
}

/** Counts operations by name, or runs them as `script` says. */
export interface Instance {
  readonly service: Service
  readonly feed: Feed
  /** The operations sent, without heartbeats. */
  readonly calls: Array<string>
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Redis.Redis>>
}

type Script = NonNullable<RedisLayer.FaultyOptions["script"]>

/** Instances over one server, one per script given. They end with the scope. */
export const instances = (...scripts: ReadonlyArray<Script | undefined>) =>
  Effect.gen(function*() {
    const server = RedisLayer.memoryServer()
    const all: Array<Instance> = []
    for (const script of scripts) {
      const calls: Array<string> = []
      const feed = new Feed("")
      const faulty = RedisLayer.layerFaulty({
        script: (operation, keys, call) => {
          const beat = keys.some((key) => key.startsWith(":near:"))
          if (!beat) calls.push(operation)
          return beat ? script?.("heartbeat", keys, call) ?? {} : script?.(operation, keys, call) ?? {}
        }
      }).pipe(Layer.provide(RedisLayer.layerMemoryServer(server)))
      const watched = Layer.scoped(
        Redis.Redis,
        Effect.flatMap(Redis.Redis, ({ driver }) =>
          makeService({
            ...driver,
            watch: feed.watch(driver.watch),
            unsafeConnections: () => feed.connections
          }))
      ).pipe(Layer.provide(faulty))
      const service = Context.get(yield* Layer.build(Layer.fresh(watched)), Redis.Redis)
      all.push({ service, feed, calls, run: (effect) => Effect.provideService(effect, Redis.Redis, service) })
    }
    return { server, all, first: all[0]!, second: all[1] ?? all[0]! }
  })
