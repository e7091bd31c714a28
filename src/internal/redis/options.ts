/** What layers are given, checked before anything is sent, whatever the client. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { RedisError } from "../../CacheError.js"
import { toMillis } from "../definition/lives.js"
import type { Driver } from "../driver/driver.js"

export interface Common {
  readonly prefix?: string | undefined
  readonly commandTimeout?: Duration.DurationInput | undefined
  readonly tracking?: "onDemand" | "required" | undefined
}

export interface Connecting extends Common {
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly lazy?: boolean | undefined
}

/** A driver that is ready to be used, as far as it is to be. */
export interface Opened {
  readonly driver: Driver
  /** Where changes must be told: within so many ms. */
  readonly tracksWithin: number | undefined
}

const defaultCommandTimeout = 1_000
const defaultConnectTimeout = 5_000

export const refused = (message: string): RedisError =>
  new RedisError({ reason: "Command", operation: "connect", cause: new Error(message) })

const millisOf = (
  option: string,
  input: Duration.DurationInput | undefined,
  otherwise: number
): Effect.Effect<number, RedisError> => {
  const millis = input === undefined ? otherwise : toMillis(input)
  // Timers take no more than 31 bits.
  return millis > 0 && millis < 2 ** 31 ? Effect.succeed(millis) : Effect.fail(
    refused(`${option} must be a duration of more than zero and less than 24 days, got ${String(input)}`)
  )
}

export interface Limits {
  readonly prefix: string
  /** In ms. */
  readonly commandTimeout: number
  /** In ms. */
  readonly connectTimeout: number
  readonly lazy: boolean
  readonly tracksWithin: number | undefined
}

export const limitsOf = (options: Connecting): Effect.Effect<Limits, RedisError> =>
  Effect.gen(function*() {
    const commandTimeout = yield* millisOf("commandTimeout", options.commandTimeout, defaultCommandTimeout)
    const connectTimeout = yield* millisOf("connectTimeout", options.connectTimeout, defaultConnectTimeout)
    return {
      prefix: options.prefix ?? "",
      commandTimeout,
      connectTimeout,
      lazy: options.lazy ?? false,
      tracksWithin: options.tracking === "required" ? connectTimeout : undefined
    }
  })

/**
 * A client may take an option that is there and undefined for one that was given, as ioredis does; and a `tls` that is
 * there and undefined would take from a `rediss://` what it asks for.
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

/** Options from a `Config` as they are given otherwise. */
export const revealed = <A extends Secret>({ password, tls, ...options }: A) =>
  withoutUndefined({
    ...options,
    password: password === undefined ? undefined : Redacted.value(password),
    tls: tlsOf(tls)
  })
