/** The options of layers, checked before anything is sent, for any client. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { RedisError } from "../../../CacheError.js"
import { isWellFormed } from "../../codec/wellFormed.js"
import { toMillis } from "../../definition/lives.js"
import type { Driver } from "../../driver/driver.js"

export interface Common {
  readonly prefix?: string | undefined
  readonly commandTimeout?: Duration.DurationInput | undefined
  readonly tracking?: "onDemand" | "required" | undefined
  readonly publish?: Publish | undefined
  readonly maxRemembered?: number | undefined
  readonly grace?: Duration.DurationInput | undefined
}

export interface Connecting extends Common {
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly lazy?: boolean | undefined
}

/** A driver that is ready (or lazy), and the options of the layer over it. */
export interface Opened {
  readonly driver: Driver
  /** With `tracking: "required"`: within how many ms the server must begin to report changes. */
  readonly tracksWithin: number | undefined
  readonly publishing: Publishing | undefined
  /** How many keys are remembered whose changes Redis has missed. */
  readonly maxRemembered: number | undefined
  /** How long background work has when the layer closes, in ms. */
  readonly grace: number
}

const defaultCommandTimeout = 1_000
const defaultConnectTimeout = 5_000
const defaultGrace = 500

export const refused = (message: string): RedisError =>
  new RedisError({ reason: "Command", operation: "connect", cause: new Error(message) })

/** Timers take at most 31 bits, in ms. */
const timerLimit = 2 ** 31

const millisOf = (
  option: string,
  input: Duration.DurationInput | undefined,
  otherwise: number
): Effect.Effect<number, RedisError> => {
  const millis = input === undefined ? otherwise : toMillis(input)
  return millis > 0 && millis < timerLimit ? Effect.succeed(millis) : Effect.fail(
    refused(`${option} must be a duration longer than zero and shorter than 24 days, got ${String(input)}`)
  )
}

/** @param input zero: none */
export const graceOf = (
  input: Duration.DurationInput | undefined,
  otherwise: number
): Effect.Effect<number, RedisError> => {
  const millis = input === undefined ? otherwise : toMillis(input)
  return millis >= 0 && millis < timerLimit
    ? Effect.succeed(millis)
    : Effect.fail(refused(`grace must be a duration shorter than 24 days (zero for none), got ${String(input)}`))
}

export interface Limits {
  readonly prefix: string
  /** In ms. */
  readonly commandTimeout: number
  /** In ms. */
  readonly connectTimeout: number
  readonly lazy: boolean
  readonly tracksWithin: number | undefined
  readonly publishing: Publishing | undefined
  readonly maxRemembered: number | undefined
  readonly grace: number
}

const isWhole = (value: unknown, from: number, to: number): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= from && value <= to

/** How this process publishes its figures: how often, in ms, and under what readable name. */
export interface Publishing {
  readonly every: number
  readonly name: string | undefined
}

export type Publish = boolean | {
  readonly every?: Duration.DurationInput | undefined
  readonly name?: string | undefined
}

const defaultEvery = 5_000

/** Publishing more often would cost more than it shows. */
const leastEvery = 100

export const publishingOf = (publish: Publish | undefined): Effect.Effect<Publishing | undefined, RedisError> =>
  Effect.gen(function*() {
    if (publish === undefined || publish === false) return undefined
    if (publish === true) return { every: defaultEvery, name: undefined }
    if (typeof publish !== "object" || publish === null) {
      return yield* refused(`publish must be true, false or options, got ${shown(publish)}`)
    }
    const { name } = publish
    if (name !== undefined && (typeof name !== "string" || name === "" || name.length > 200 || !isWellFormed(name))) {
      return yield* refused(`publish.name must be a string of 1 to 200 characters, got ${shown(name)}`)
    }
    const every = yield* millisOf("publish.every", publish.every, defaultEvery)
    return every >= leastEvery
      ? { every, name }
      : yield* refused(`publish.every must be at least ${leastEvery} milliseconds, got ${every}`)
  })

/** What is wrong with the address, if anything: an unset variable must not lead to another database. */
const refusalOf = (options: object): string | undefined => {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (option === "db" && !isWhole(value, 0, 2 ** 31 - 1)) {
      return `db must be a whole number of 0 or more, got ${shown(value)}`
    }
    if (option === "port" && !isWhole(value, 1, 65_535)) {
      return `port must be a whole number from 1 to 65535, got ${shown(value)}`
    }
    if (option === "host" && (typeof value !== "string" || value === "")) {
      return `host must be a non-empty string, got ${shown(value)}`
    }
    if (typeof value === "number" && Number.isNaN(value)) return `${option} must be a number, got NaN`
  }
  return undefined
}

const shown = (value: unknown): string => typeof value === "string" ? JSON.stringify(value) : String(value)

export const checkTarget = (options: object): Effect.Effect<void, RedisError> => {
  const refusal = refusalOf(options)
  return refusal === undefined ? Effect.void : Effect.fail(refused(refusal))
}

export const limitsOf = (options: Connecting): Effect.Effect<Limits, RedisError> =>
  Effect.gen(function*() {
    const { prefix = "", tracking = "onDemand" } = options
    // The commands, and the server's reports of changes, would have another prefix.
    if (typeof prefix !== "string" || !isWellFormed(prefix)) {
      return yield* refused(`prefix must be well-formed Unicode, got ${shown(prefix)}`)
    }
    if (tracking !== "onDemand" && tracking !== "required") {
      return yield* refused(`tracking must be "onDemand" or "required", got ${shown(tracking)}`)
    }
    if (options.lazy !== undefined && typeof options.lazy !== "boolean") {
      return yield* refused(`lazy must be true or false, got ${shown(options.lazy)}`)
    }
    const { maxRemembered } = options
    if (maxRemembered !== undefined && !isWhole(maxRemembered, 1, 10_000_000)) {
      return yield* refused(`maxRemembered must be a whole number from 1 to 10000000, got ${shown(maxRemembered)}`)
    }
    const commandTimeout = yield* millisOf("commandTimeout", options.commandTimeout, defaultCommandTimeout)
    const connectTimeout = yield* millisOf("connectTimeout", options.connectTimeout, defaultConnectTimeout)
    return {
      prefix,
      commandTimeout,
      connectTimeout,
      lazy: options.lazy ?? false,
      maxRemembered,
      grace: yield* graceOf(options.grace, defaultGrace),
      publishing: yield* publishingOf(options.publish),
      tracksWithin: tracking === "required" ? connectTimeout : undefined
    }
  })

/**
 * A client may treat an option that is present but undefined as given, as ioredis does; and a `tls` that is present but
 * undefined would switch off the TLS of a `rediss://` url.
 */
export const withoutUndefined = <A extends object>(
  options: A
): { readonly [K in keyof A]?: Exclude<A[K], undefined> } =>
  // What is left of it.
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as typeof options

interface Tls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  readonly servername?: string | undefined
}

const tlsOf = (tls: boolean | Tls | undefined) => {
  if (tls === undefined || tls === false) return undefined
  if (tls === true) return {}
  return withoutUndefined({ ...tls, key: tls.key === undefined ? undefined : Redacted.value(tls.key) })
}

interface Secret {
  readonly password?: Redacted.Redacted | undefined
  readonly tls?: boolean | Tls | undefined
}

export const plainText = (text: Redacted.Redacted | string): string =>
  Redacted.isRedacted(text) ? Redacted.value(text) : text

/** Options from a `Config`, in the form of options that are given directly. */
export const revealed = <A extends Secret>({ password, tls, ...options }: A) =>
  withoutUndefined({
    ...options,
    password: password === undefined ? undefined : Redacted.value(password),
    tls: tlsOf(tls)
  })
