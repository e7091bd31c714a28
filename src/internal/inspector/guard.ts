/**
 * Which requests are answered. Requests that another site makes a browser send are refused: everything but the page
 * itself is read with a POST of JSON, or the browser itself must state that the request has the same origin. Actions
 * also need a token.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"
import type { Settings } from "./options.js"

/** What every response says. */
export const safe = HttpServerResponse.setHeaders({
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
})

export class Refused {
  readonly _tag = "Refused"

  constructor(readonly status: 400 | 401 | 403 | 415 | 502, readonly message: string) {}
}

const hostOf = (origin: string): string | undefined => {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}

/** A name that leads here by tampering with DNS (rebinding) is not a name of this page. */
export const hostIsServed = (
  { hosts }: Settings,
  request: HttpServerRequest.HttpServerRequest
): boolean => hosts === undefined || hosts.includes(request.headers.host ?? "")

/** Whether this page itself made the request. */
export const isOwn = (request: HttpServerRequest.HttpServerRequest): boolean => {
  const site = request.headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin") return false
  const { origin } = request.headers
  // A browser leaves out the origin of a GET from the same page; other clients can send anything.
  return origin === undefined
    ? request.method === "GET" && site === "same-origin"
    : hostOf(origin) === request.headers.host
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

export const hasToken = (
  { token }: Settings,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<void, Refused> => {
  if (token === undefined) {
    return Effect.fail(new Refused(403, "This page is read-only. Actions are switched on where it is started."))
  }
  const [scheme, given = ""] = (request.headers.authorization ?? "").split(" ", 2)
  return scheme === "Bearer" && timingSafeEqual(digest(given), digest(Redacted.value(token)))
    ? Effect.void
    : Effect.fail(new Refused(401, "The token is missing, or is not the one that this page was started with."))
}
