/**
 * Judges what readers received while a database was updated.
 *
 * The database keeps its own history, written by the same transactions: everything in it was committed, and the
 * versions of a row were committed in the order of their numbers. A read may return any version that was not yet
 * replaced, when the read began, by a newer version whose update had ended.
 */
import type { Read, Version } from "./protocol.js"

export interface History {
  /** What was committed, in the order of versions. All rows begin at version 0, whose writer is "". */
  readonly commits: ReadonlyArray<Version>
  /**
   * By writer: when its update had ended, so that no read may return anything older. A missing writer has no such time.
   */
  readonly ended: ReadonlyMap<string, number>
  readonly reads: ReadonlyArray<Read>
  /** The cached values at the end, when no update is in progress any more. */
  readonly cached: ReadonlyArray<Version>
}

export interface Verdict {
  readonly reads: number
  /** Reads that returned a version that had been replaced when they began. */
  readonly stale: number
  /** By how many ms the worst of them was too late. */
  readonly longest: number
  /** Reads that returned a value that was rolled back. */
  readonly uncommitted: number
  /** Of the cached values at the end. */
  readonly cached: number
  /** Cached values that differ from the committed ones. */
  readonly wrong: number
  /** Some of the violations, in words. */
  readonly examples: ReadonlyArray<string>
}

class Row {
  /** By version. */
  readonly writers: Array<string> = [""]
  /** By version: the time from which no read may return anything older. */
  private readonly replaced: Array<number> = [-Infinity]

  add(writer: string, ended: number): void {
    this.writers.push(writer)
    this.replaced.push(ended)
  }

  /** Once all are added: the end of a later version also ends the earlier ones. */
  close(): void {
    for (let i = this.replaced.length - 2; i >= 0; i--) {
      this.replaced[i] = Math.min(this.replaced[i]!, this.replaced[i + 1]!)
    }
  }

  /** For how long a version newer than this one had existed. Not more than 0: it had not. */
  lateness(version: number, at: number): number {
    return at - (this.replaced[version + 1] ?? Infinity)
  }

  isCommitted({ version, writer }: Version): boolean {
    return this.writers[version] === writer
  }

  isLast({ version }: Version): boolean {
    return version === this.writers.length - 1
  }
}

const text = ({ row, version, writer }: Version): string => `version ${version} of row ${row}, by "${writer}"`

export const judge = ({ cached, commits, ended, reads }: History): Verdict => {
  const rows = new Map<number, Row>()
  const rowOf = (id: number): Row => {
    let row = rows.get(id)
    if (row === undefined) rows.set(id, row = new Row())
    return row
  }
  for (const { row, version, writer } of commits) {
    const { writers } = rowOf(row)
    if (version !== writers.length) throw new Error(`version ${writers.length} of row ${row} is not in the history`)
    rowOf(row).add(writer, ended.get(writer) ?? Infinity)
  }
  for (const row of rows.values()) row.close()

  let stale = 0
  let longest = 0
  let uncommitted = 0
  let wrong = 0
  const examples: Array<string> = []
  const note = (example: string): void => {
    if (examples.length < 20) examples.push(example)
  }
  for (const read of reads) {
    const row = rowOf(read.row)
    const lateness = row.lateness(read.version, read.began)
    if (lateness > 0) {
      stale++
      longest = Math.max(longest, lateness)
      note(`${text(read)}, was read at ${read.began}: ${lateness} ms too late`)
    }
    if (!row.isCommitted(read)) {
      uncommitted++
      note(`${text(read)}, was read and is not committed`)
    }
  }
  for (const version of cached) {
    const row = rowOf(version.row)
    if (row.isCommitted(version) && row.isLast(version)) continue
    wrong++
    note(`${text(version)}, is cached in the end`)
  }
  return { reads: reads.length, stale, longest, uncommitted, cached: cached.length, wrong, examples }
}
