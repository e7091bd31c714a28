import type { TestProject } from "vitest/node"
import { startRedis } from "../redisServer.js"
import { ensurePrograms, testPrograms } from "./ensurePrograms.js"

declare module "vitest" {
  export interface ProvidedContext {
    readonly redisUrl: string
  }
}

/** One server for the whole run, for tests that keep to a prefix of their own. See `../sharedRedis.ts`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  ensurePrograms(testPrograms)
  const server = await startRedis()
  project.provide("redisUrl", server.url)
  process.env.TEST_REDIS_URL = server.url // for programs that tests start
  return server.stop
}
