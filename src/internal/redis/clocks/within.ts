/** A promise with a time limit. */
export const within = async <A>(
  promise: Promise<A>,
  millis: number,
  late: () => Error = () => new Error(`no answer within ${millis} ms`)
): Promise<A> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), millis)
  })
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}
