/**
 * One listener on a client for each event, however many of ours want to be told. Each layer on a borrowed client listens
 * to it; a dozen of them would take Node's warning of too many listeners, which tells its owner of a leak that is none.
 *
 * A client of several layers is known by what it carries itself: a table of what is heard of it, which goes with the last
 * of them.
 */
import type { EventEmitter } from "node:events"

/** As emitters have it. */
export type Listener = (...told: Array<any>) => void

const heard = Symbol("effect-redis-cache/heard")

/** The listeners of one event, in the order in which they were added. */
class Audience {
  readonly listeners = new Set<Listener>()

  readonly tell: Listener = (...told) => {
    // As emitters do: what one of them adds or takes away is not of this turn.
    for (const listener of [...this.listeners]) listener(...told)
  }
}

type Audiences = Map<string, Audience>

const audiencesOf = (emitter: EventEmitter & { [heard]?: Audiences }): Audiences => {
  const known = emitter[heard]
  if (known !== undefined) return known
  const made: Audiences = new Map()
  // Not for those that print or copy the client.
  Object.defineProperty(emitter, heard, { value: made, configurable: true })
  return made
}

/**
 * Tells a listener of an event until what it gives is called.
 *
 * @param first before the listeners that are there, also those of others
 */
export const hear = (emitter: EventEmitter, event: string, listener: Listener, first = false): () => void => {
  const audiences = audiencesOf(emitter)
  let audience = audiences.get(event)
  if (audience === undefined) {
    audiences.set(event, audience = new Audience())
    if (first) emitter.prependListener(event, audience.tell)
    else emitter.on(event, audience.tell)
  }
  const { listeners, tell } = audience
  listeners.add(listener)
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return
    audiences.delete(event)
    emitter.off(event, tell)
    if (audiences.size === 0) Reflect.deleteProperty(emitter, heard)
  }
}
