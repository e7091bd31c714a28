/**
 * What a runtime notes of where an error was made: its stack, and in Bun its line, its file … Bun notes some of these
 * only where it knows them, so an error that is made here does not show them all.
 */
const place: ReadonlySet<string> = new Set([
  ...["stack", "line", "column", "sourceURL", "originalLine", "originalColumn"],
  ...Object.getOwnPropertyNames(new Error())
])

/** The names of an error's own fields, without those that say where it was made. */
export const fieldsOfError = (error: Error): Array<string> =>
  Object.getOwnPropertyNames(error).filter((name) =>
    !place.has(name) || Object.prototype.propertyIsEnumerable.call(error, name)
  )
