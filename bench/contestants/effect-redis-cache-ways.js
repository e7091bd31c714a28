/** Other ways to the same values: their cost compared with the plain one. */
import { Cache } from "effect-redis-cache"
import * as Effect from "effect/Effect"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import { makeWith, User } from "./effect-redis-cache.js"

export { versions } from "./effect-redis-cache.js"

class UserById extends Request.TaggedClass("UserById") {}

const source = RequestResolver.makeBatched((requests) =>
  Effect.forEach(requests, (request) => Request.fail(request, `${request.id} was to be cached`), { discard: true })
)

export const make = async (url) => {
  const plain = await makeWith(url, { schema: User })
  const { users } = plain
  const cached = source.pipe(Cache.resolver(users, { key: ({ id }) => id }))
  const tags = ["team"]
  return {
    ...plain,
    getIn: (mode) => (key) => Cache.withMode(Cache.get(users, key), mode),
    request: (keys) => Effect.forEach(keys, (id) => Effect.request(new UserById({ id }), cached), { batching: true }),
    tag: (key, value) => Cache.set(users, key, value, { tags }),
    delete: (key) => Cache.delete(users, key),
    expire: (key) => Cache.expire(users, key),
    invalidateTags: () => Cache.invalidateTags(users, tags),
    expireTags: () => Cache.expireTags(users, tags)
  }
}
