/** Runs the command line in this process: gives what it prints, and its exit code. */
import { Terminal } from "@effect/platform"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { Effect, Layer, Mailbox, Option } from "effect"
import { main } from "../../cli/src/main.js"
import { Screen, withoutColour } from "../../cli/src/text/style.js"

export interface Run {
  readonly code: number
  /** Standard output: for pipes. */
  readonly out: string
  /** Standard error: for people. */
  readonly err: string
}

/** `keys` are typed on a terminal; without them there is no terminal. */
export const run = (
  args: ReadonlyArray<string>,
  keys?: ReadonlyArray<string>
): Effect.Effect<Run> =>
  Effect.gen(function*() {
    const out: Array<string> = []
    const err: Array<string> = []
    const into = (lines: Array<string>) => (...text: ReadonlyArray<unknown>) =>
      Effect.sync(() => void lines.push(text.join(" ")))
    const typed = Effect.gen(function*() {
      const mailbox = yield* Mailbox.make<Terminal.UserInput>()
      for (const key of keys ?? []) {
        yield* mailbox.offer({ input: Option.some(key), key: { name: key, ctrl: false, meta: false, shift: false } })
      }
      return mailbox
    })
    const terminal = Layer.effect(
      Terminal.Terminal,
      Effect.map(
        Terminal.Terminal,
        (real) => ({ ...real, isTTY: Effect.succeed(true), display: () => Effect.void, readInput: typed })
      )
    )
    const screen = Layer.succeed(Screen, { style: withoutColour, isTerminal: keys !== undefined, columns: 80 })
    const code = yield* main(args).pipe(
      Effect.withConsole({ ...(yield* Effect.console), log: into(out), error: into(err) }),
      Effect.provide(Layer.mergeAll(terminal, screen).pipe(Layer.provideMerge(NodeContext.layer)))
    )
    return { code, out: out.join("\n"), err: err.join("\n") }
  })
