/** What nobody caught in a worker process. */

export const unhandled: Array<string> = []

/** To be called once in a process. */
export const noteUnhandled = (): void => {
  process.on("unhandledRejection", (cause) => unhandled.push(String(cause)))
  process.on("uncaughtException", (cause) => unhandled.push(String(cause)))
}
