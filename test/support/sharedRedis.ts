import { randomUUID } from "node:crypto"
import { inject } from "vitest"

/** The server that all test files share: never `FLUSHALL` it, and give each test a `uniquePrefix()`. */
export const sharedRedisUrl = (): string => inject("redisUrl")

/** A key prefix that no other test has: `test-1f0c9a2b:`. */
export const uniquePrefix = (): string => `test-${randomUUID().slice(0, 8)}:`
