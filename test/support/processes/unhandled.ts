/** Errors that a worker process did not catch. */

export const unhandled: Array<string> = []

/** Call it once per process. */
export const noteUnhandled = (): void => {
  process.on("unhandledRejection", (cause) => unhandled.push(String(cause)))
  process.on("uncaughtException", (cause) => unhandled.push(String(cause)))
}
