export type Request =
  | { readonly op: "connect"; readonly redisUrl: string; readonly prefix: string; readonly postgresUrl: string }
  /** Runs the reactive query of this user's name from now on, and reports each result. */
  | { readonly op: "query"; readonly id: number }
  /** By `Reactivity.mutation`. */
  | { readonly op: "rename"; readonly id: number; readonly name: string }
  /** Writes the row, and then invalidates the tag. */
  | { readonly op: "renameAndInvalidate"; readonly id: number; readonly name: string }

export interface ReactivityProtocol {
  readonly requests: Request
  readonly replies: Readonly<Record<Request["op"], true>>
  /** A query returned this name. */
  readonly told: { readonly id: number; readonly name: string }
}
