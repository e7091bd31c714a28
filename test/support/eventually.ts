/** Waits until servers reach a state, for half a minute at most. An error meanwhile means: not yet. */
export const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 30_000
  while (!await holds().catch(() => false)) {
    if (performance.now() > deadline) throw new Error("the servers do not come to what was waited for")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
