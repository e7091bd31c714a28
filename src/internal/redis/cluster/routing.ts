/**
 * Sends a command to the server that has its key's slot.
 *
 * The map of slots may be out of date, so a command may come to a server that cannot serve it. Such a server's answer
 * shows that the command was not executed, so it is sent again, to where the answer says, until its time limit is over:
 *
 * - `MOVED`: to the named master, like all later commands
 * - `ASK`: to the named server, only this command, after an `ASKING`
 * - `TRYAGAIN`: only some keys of a command have been moved; a separate command is sent for each
 * - `CLUSTERDOWN`: the cluster is about to replace a master, or a slot has none; the command is sent a little later
 *
 * Nothing else is ever sent again. In particular, a command that was under way when a connection was lost fails with
 * reason `Connection`, and may have been executed. (ioredis's own `Cluster` sends such commands again, an `INCRBY`
 * included, which is why commands go to the connections of single servers here.)
 */
import type { RedisError } from "../../../CacheError.js"
import type { Breaker } from "../../driver/breaker.js"
import type { Write } from "../../driver/driver.js"
import type { Callback, Sender } from "../batch/sender.js"
import { connectionError, timeoutError } from "../errors.js"
import type { Script } from "../lua.js"
import type { Address } from "../port.js"
import { areValues, isOk, type Shape } from "../replies.js"
import type { Argument } from "../resp/request.js"
import { setCommand } from "../resp/words.js"
import * as Scripts from "../scripts.js"
import { slotOf } from "./slots.js"

/** How long to wait before a command is sent again if no other server was named, in ms: from, to. */
const firstPause = 25
const lastPause = 400
/** After this many redirections without a pause, two servers must be contradicting each other. */
const quickHops = 4

type Redirect =
  | { readonly _tag: "Moved" | "Ask"; readonly slot: number; readonly host: string; readonly port: number }
  | { readonly _tag: "Split" | "Later" }

const redirectOf = (error: RedisError): Redirect | undefined => {
  if (!(error.cause instanceof Error) || error.cause.name !== "ReplyError") return undefined
  const [code, slot, address = ""] = error.cause.message.split(" ", 3)
  switch (code) {
    case "MOVED":
    case "ASK": {
      const colon = address.lastIndexOf(":")
      return {
        _tag: code === "ASK" ? "Ask" : "Moved",
        slot: Number(slot),
        host: address.slice(0, colon),
        port: Number(address.slice(colon + 1))
      }
    }
    case "TRYAGAIN":
      return { _tag: "Split" }
    case "CLUSTERDOWN":
      return { _tag: "Later" }
    default:
      return undefined
  }
}

/** A server of the cluster, as far as commands are concerned. */
export interface Target {
  readonly address: Address
  readonly sender: Sender
  /** Closed as long as the server answers. Each server has its own, so that its failures do not affect the others. */
  readonly breaker: Breaker
  readonly connections: () => number
}

/** What is known of the cluster. */
export interface Routes {
  readonly commandTimeout: number
  /**
   * The master of a slot, as far as is known; `undefined`: it has none. `soon`: nothing is known yet, but will be;
   * `never`: nothing could be found out.
   */
  readonly masterOf: (slot: number) => Target | "soon" | "never" | undefined
  /** Why nothing could be found out. */
  readonly failed: (operation: string) => RedisError
  /** Calls back when the first reading of the cluster is over, whatever its outcome. */
  readonly onceKnown: (listener: () => void) => void
  /** A server at this address, whether it has slots or not. */
  readonly serverAt: (address: Address) => Target
  /** Records what a server said about a slot. */
  readonly moved: (slot: number, to: Target) => void
  /** This key is served by another server than the map says, or by none. */
  readonly astray: (key: string) => void
  /** Commands that wait, to be ended with the layer. */
  readonly waiting: Set<{ readonly end: (error: (operation: string) => RedisError) => void }>
}

const ignored: Callback<unknown> = { answer: () => {}, fail: () => {} }

/** Sends commands on keys of one slot of a cluster. */
export class RoutedSender implements Sender {
  private readonly slot: number

  constructor(private readonly routes: Routes, private readonly key: string) {
    this.slot = slotOf(key)
  }

  read(key: string, callback: Callback<Buffer | undefined>): void {
    new Journey(this.routes, this.key, this.slot, "get", callback, {
      first: (to, told) => to.read(key, told),
      // Not GET, which fails if the value is not a string: such a value is foreign, and absent.
      alone: () => ["mget", key],
      gives: isOneValue,
      answer: ([value]) => value ?? undefined
    }).begin()
  }

  write(write: Write, callback: Callback<void>): void {
    new Journey<void, unknown>(this.routes, this.key, this.slot, "set", callback, {
      first: (to, told) => to.write(write, told),
      alone: () => setCommand(write).words,
      gives: isOk,
      answer: () => {}
    }).begin()
  }

  call<A>(
    operation: string,
    name: string,
    args: ReadonlyArray<Argument>,
    gives: Shape<A>,
    callback: Callback<A>
  ): void {
    new Journey(this.routes, this.key, this.slot, operation, callback, {
      first: (to, told) => to.call(operation, name, args, gives, told),
      alone: () => [name, ...args],
      gives,
      answer: (reply) => reply
    }).begin()
  }

  run<A>(
    script: Script<A>,
    keys: ReadonlyArray<string | Buffer>,
    args: ReadonlyArray<Argument>,
    callback: Callback<A>
  ): void {
    new Journey(this.routes, this.key, this.slot, script.name, callback, {
      first: (to, told) => to.run(script, keys, args, told),
      // With the text: a second answer, that it is not known there, would come without the ASKING.
      alone: () => ["eval", script.lua, keys.length, ...keys, ...args],
      gives: script.gives,
      answer: (reply) => reply
    }).begin()
  }
}

const isOneValue = (reply: unknown): reply is ReadonlyArray<Buffer | null> => areValues(reply, 1)

interface Command<Answer, ReplyOfOne> {
  /** Sends it together with others. */
  readonly first: (to: Sender, callback: Callback<Answer>) => void
  /** The same as one command on this key alone, what it replies with, and what that means. */
  readonly alone: () => readonly [name: string, ...args: Array<Argument>]
  readonly gives: Shape<ReplyOfOne>
  readonly answer: (reply: ReplyOfOne) => Answer
}

/** One command on its way. */
class Journey<Answer, ReplyOfOne> {
  private readonly began = performance.now()
  private hops = 0
  private pauses = 0
  private limit: ReturnType<typeof setTimeout> | undefined
  private pause: ReturnType<typeof setTimeout> | undefined
  private over = false
  /** Why it is not under way. */
  private refusal: RedisError | undefined

  constructor(
    private readonly routes: Routes,
    private readonly key: string,
    private readonly slot: number,
    private readonly operation: string,
    private readonly callback: Callback<Answer>,
    private readonly command: Command<Answer, ReplyOfOne>
  ) {}

  begin(): void {
    const to = this.routes.masterOf(this.slot)
    if (typeof to !== "object") return this.sendAlone()
    const { breaker } = to
    if (!breaker.open) breaker.attempt()
    // The lease of an interrupted load is released as soon as possible.
    else if (this.operation !== Scripts.release.name && !breaker.mayProbe(this.began, to.connections())) {
      return this.fail(breaker.refusal(this.operation))
    }
    this.command.first(to.sender, {
      answer: (answer) => {
        if (breaker.open) breaker.succeeded()
        this.callback.answer(answer)
      },
      fail: (error) => this.failed(error, to)
    })
  }

  end(error: (operation: string) => RedisError): void {
    this.fail(error(this.operation))
  }

  private fail(error: RedisError): void {
    if (this.over) return
    this.finish()
    this.callback.fail(error)
  }

  private finish(): void {
    this.over = true
    clearTimeout(this.limit)
    clearTimeout(this.pause)
    this.routes.waiting.delete(this)
  }

  /** All further attempts share the rest of the time limit; each by itself would have all of it. */
  private bound(): void {
    if (this.limit !== undefined) return
    const { commandTimeout, waiting } = this.routes
    waiting.add(this)
    this.limit = setTimeout(
      () => this.fail(this.refusal ?? timeoutError(this.operation, commandTimeout)),
      Math.max(0, this.began + commandTimeout - performance.now())
    )
  }

  private sendAlone(to = this.routes.masterOf(this.slot), asking = false): void {
    if (this.over) return
    if (to === "never") return this.fail(this.routes.failed(this.operation))
    if (to === "soon") {
      this.bound()
      return this.routes.onceKnown(() => this.sendAlone())
    }
    if (to === undefined) {
      this.refusal = connectionError(this.operation, `no server of the cluster serves slot ${this.slot}`)
      this.bound()
      this.routes.astray(this.key)
      return this.later(() => this.sendAlone())
    }
    this.refusal = undefined
    if (asking) to.sender.call("asking", "asking", [], isOk, ignored)
    const [name, ...args] = this.command.alone()
    to.sender.call(this.operation, name, args, this.command.gives, {
      answer: (reply) => {
        if (this.over) return
        this.finish()
        this.callback.answer(this.command.answer(reply))
      },
      fail: (error) => this.failed(error, to)
    })
  }

  private failed(error: RedisError, from: Target): void {
    if (this.over) return
    const redirect = redirectOf(error)
    if (redirect === undefined) {
      from.breaker.failed(error, performance.now(), from.connections())
      return this.fail(error)
    }
    // It answers.
    if (from.breaker.open) from.breaker.succeeded()
    this.refusal = error
    this.bound()
    this.routes.astray(this.key)
    switch (redirect._tag) {
      case "Moved":
      case "Ask": {
        // A server that does not know the other's name means its own.
        const { address } = from
        const to = this.routes.serverAt({
          host: redirect.host === "" ? address.host : redirect.host,
          port: redirect.port
        })
        if (redirect._tag === "Moved") this.routes.moved(redirect.slot, to)
        return this.again(() => this.sendAlone(to, redirect._tag === "Ask"))
      }
      case "Split":
        return this.again(() => this.sendAlone(from))
      case "Later":
        return this.later(() => this.sendAlone())
    }
  }

  private again(send: () => void): void {
    if (++this.hops <= quickHops) send()
    else this.later(send)
  }

  private later(send: () => void): void {
    const pause = Math.min(firstPause * 2 ** this.pauses++, lastPause) * (1 - Math.random() / 2)
    this.pause = setTimeout(send, pause)
  }
}
