/**
 * One listener on a client for each event, shared by all layers on that client. If each layer added its own, a dozen
 * layers on one borrowed client would make Node warn of a leak that does not exist.
 *
 * The client itself carries the table of its events. The table goes when the last layer stops listening.
 */
import type { EventEmitter } from "node:events"

/** As emitters have it. */
export type Listener = (...told: Array<any>) => void

const heard = Symbol("effect-redis-cache/heard")

/** The listeners of one event, in the order in which they were added. */
class Audience {
  readonly listeners = new Set<Listener>()

  readonly tell: Listener = (...told) => {
    // As emitters do: a listener that is added or removed meanwhile does not change this round.
    for (const listener of [...this.listeners]) listener(...told)
  }
}

type Audiences = Map<string, Audience>

const audiencesOf = (emitter: EventEmitter & { [heard]?: Audiences }): Audiences => {
  const known = emitter[heard]
  if (known !== undefined) return known
  const made: Audiences = new Map()
  // Not enumerable: printing or copying the client leaves it out.
  Object.defineProperty(emitter, heard, { value: made, configurable: true })
  return made
}

/**
 * Calls a listener at each event. The function that it returns ends that.
 *
 * @param first if no layer listens to this event yet, the listener runs before all listeners that are there
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
