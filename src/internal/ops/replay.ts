/** An iterable that can be gone through more than once, as an effect is when it is retried. */

class Replay<A> implements Iterable<A> {
  private items: ReadonlyArray<A> | undefined

  constructor(private readonly source: Iterable<A>) {}

  [Symbol.iterator](): Iterator<A> {
    this.items ??= Array.from(this.source)
    return this.items[Symbol.iterator]()
  }
}

/** The same items every time, whatever the source: an iterator of one pass would be empty at the second. */
export const replay = <A>(source: Iterable<A>): Iterable<A> => Array.isArray(source) ? source : new Replay(source)
