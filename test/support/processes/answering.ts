/** The worker's side of `worker.ts`. */
import type { FromWorker, Protocol, ReplyOf, RequestOf, ToWorker } from "./protocol.js"
import { noteUnhandled } from "./unhandled.js"

const say = <P extends Protocol>(message: FromWorker<P>): void => void process.send?.(message)

/** Sends the test a message that is not an answer. */
export const telling = <P extends Protocol>() => (told: P["told"]): void => say<P>({ _tag: "Told", told })

/** Makes this process a worker that answers the test which started it. Call it once. */
export const answering = <P extends Protocol>(serve: (request: RequestOf<P>) => Promise<ReplyOf<P>>): void => {
  process.on("message", ({ id, request }: ToWorker<P>) => {
    serve(request).then(
      (reply) => say<P>({ _tag: "Reply", id, reply }),
      (error: unknown) => say<P>({ _tag: "Failed", id, error: String(error) })
    )
  })

  // The process that started it has gone.
  process.on("disconnect", () => process.exit())

  noteUnhandled()
  say<P>({ _tag: "Ready" })
}
