import * as Schema from "effect/Schema"
import * as Cache from "../../../src/Cache.js"
import { hold } from "./protocol.js"

export const Item = Schema.Struct({ version: Schema.Number, writer: Schema.String })

/** Every fourth row has a tag of its own. */
export const hasTag = (row: number): boolean => row % 4 === 0

export const tagOf = (row: number): string => `row:${row}`

/** The rows, by their numbers. */
export const items = Cache.make({
  name: "items",
  key: Schema.Number,
  schema: Item,
  timeToLive: "10 minutes",
  tags: (row) => hasTag(row) ? [tagOf(row)] : [],
  lease: { duration: hold }
})
