export type Request =
  | { readonly op: "connect"; readonly redisUrl: string; readonly prefix: string; readonly postgresUrl: string }
  /** Runs the reactive query of this user's name from now on, and tells what it gives, each time. */
  | { readonly op: "query"; readonly id: number }
  /** By `Reactivity.mutation`. */
  | { readonly op: "rename"; readonly id: number; readonly name: string }
  /** The row is written, and then the tag is invalidated. */
  | { readonly op: "renameAndInvalidate"; readonly id: number; readonly name: string }

export interface ReactivityProtocol {
  readonly requests: Request
  readonly replies: Readonly<Record<Request["op"], true>>
  /** A query has given this name. */
  readonly told: { readonly id: number; readonly name: string }
}
