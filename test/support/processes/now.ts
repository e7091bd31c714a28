/** The machine's monotonic clock in ms: the same for all processes on it. */
export const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000
