/** The routes of the page. Each is under the path where a service mounts it; nothing here knows which that is. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import type { RequestError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CodecError, RedisError } from "../../CacheError.js"
import { Redis } from "../../Redis.js"
import { baseRedis } from "../cache/bind.js"
import { tags } from "../fleet/survey.js"
import { act, Action } from "./actions.js"
import { contentSecurityPolicy, page } from "./assets.js"
import { Census } from "./census.js"
import { makeEvents } from "./events.js"
import { hasToken, hostIsServed, isOwn, Refused, safe } from "./guard.js"
import { Lists } from "./keys.js"
import { look } from "./look.js"
import type { Settings } from "./options.js"
import { overview } from "./overview.js"
import { Sampler } from "./sampler.js"

const Name = Schema.NonEmptyString.pipe(Schema.filter((name) => !name.includes(":")))

const KeysQuery = Schema.Struct({
  cache: Name,
  startsWith: Schema.optionalWith(Schema.String, { default: () => "" }),
  contains: Schema.optionalWith(Schema.String, { default: () => "" }),
  list: Schema.optional(Schema.String),
  count: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 500)), { default: () => 50 })
})

const KeyQuery = Schema.Struct({ cache: Name, key: Schema.String })

const TagsQuery = Schema.Struct({ cache: Name })

const maxTags = 500

/** How long one answer with events lasts. */
const eventsFor = "5 seconds"

type Problem = Refused | RedisError | CodecError | ParseError | RequestError

const refusalOf = (problem: Problem): HttpServerResponse.HttpServerResponse => {
  const [status, message] = problem._tag === "Refused"
    ? [problem.status, problem.message] as const
    : problem._tag === "RedisError" || problem._tag === "CodecError"
    ? [502, problem.message] as const
    : [400, "This is not what the page asks for."] as const
  return HttpServerResponse.unsafeJson({ error: message }, { status })
}

type Request = HttpServerRequest.HttpServerRequest

type Response = HttpServerResponse.HttpServerResponse

const isJson = (request: Request): boolean =>
  (request.headers["content-type"] ?? "").split(";")[0]!.trim() === "application/json"

export const makeRouter = (
  settings: Settings
): Effect.Effect<HttpRouter.HttpRouter, never, Redis | Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const redis = yield* baseRedis
    const sampler = new Sampler([...settings.caches.values()].map(({ cache }) => cache))
    const census = new Census()
    const lists = new Lists(scope)
    const events = yield* makeEvents
    yield* sampler.watch
    yield* Effect.forkScoped(sampler.run)

    /** Answers in JSON, refusals too. Unforeseen errors go to the log, and not to the client. */
    const guarded = (
      handle: (request: Request) => Effect.Effect<Response, Problem, Request | Redis>
    ): Effect.Effect<Response, never, Request> =>
      HttpServerRequest.HttpServerRequest.pipe(
        Effect.filterOrFail(
          (request) => hostIsServed(settings, request),
          () => new Refused(403, "The page is not served under this name.")
        ),
        Effect.flatMap(handle),
        Effect.catchAll((problem) => Effect.succeed(refusalOf(problem))),
        Effect.catchAllDefect((defect) =>
          Effect.as(
            Effect.logError("A request of the inspector's page died", defect),
            HttpServerResponse.unsafeJson({ error: "It failed. The log of the process says why." }, { status: 500 })
          )
        ),
        Effect.map(safe),
        Effect.provideService(Redis, redis)
      )

    const owned = (handle: (request: Request) => Effect.Effect<Response, Problem, Request | Redis>) =>
      guarded((request) =>
        isOwn(request) ? handle(request) : Effect.fail(new Refused(403, "Only the page itself may ask for this."))
      )

    const posted = <A, I>(
      schema: Schema.Schema<A, I>,
      handle: (query: A, request: Request) => Effect.Effect<unknown, Problem, Redis>
    ) =>
      owned((request) =>
        isJson(request)
          ? Effect.flatMap(
            HttpServerRequest.schemaBodyJson(schema),
            (query) => Effect.map(handle(query, request), (answer) => HttpServerResponse.unsafeJson(answer))
          )
          : Effect.fail(new Refused(415, "The page sends JSON."))
      )

    const encoder = new TextEncoder()

    return HttpRouter.empty.pipe(
      HttpRouter.get(
        "/",
        guarded(() =>
          Effect.succeed(HttpServerResponse.text(page, {
            contentType: "text/html; charset=utf-8",
            headers: { "content-security-policy": contentSecurityPolicy }
          }))
        )
      ),
      HttpRouter.get(
        "/api/overview",
        owned(() => Effect.map(overview(settings, sampler, census), (all) => HttpServerResponse.unsafeJson(all)))
      ),
      HttpRouter.get(
        "/api/events",
        owned((request) =>
          Effect.succeed(HttpServerResponse.stream(
            events.after(Number(request.headers["last-event-id"] ?? 0) || 0).pipe(
              Stream.map(({ id, ...event }) => `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`),
              Stream.merge(Stream.make("retry: 100\n\n")),
              // A server that closes waits for its answers to end. The page requests again from where it was.
              Stream.interruptAfter(eventsFor),
              Stream.map((text) => encoder.encode(text))
            ),
            { contentType: "text/event-stream" }
          ))
        )
      ),
      HttpRouter.post("/api/keys", posted(KeysQuery, (query) => lists.page({ ...query, list: query.list }))),
      HttpRouter.post(
        "/api/key",
        posted(KeyQuery, ({ cache, key }) => look(cache, key, settings.caches.get(cache)?.cache))
      ),
      HttpRouter.post(
        "/api/tags",
        posted(TagsQuery, ({ cache }) =>
          Effect.map(
            Stream.runCollect(Stream.take(Stream.flattenIterables(tags(cache)), maxTags)),
            (found) => ({ tags: [...new Set(found)].sort() })
          ))
      ),
      HttpRouter.post(
        "/api/act",
        posted(Action, (asked, request) =>
          Effect.zipRight(
            hasToken(settings, request),
            Effect.tap(act(settings, asked), () => Effect.sync(() => census.survey.forget()))
          ))
      )
    )
  })
