/** `String.prototype.isWellFormed`: every Node that is supported has it, the library types of ES2023 do not. */
interface ES2024String {
  readonly isWellFormed: () => boolean
}

/** Whether no half of a surrogate pair stands alone, so that the text survives UTF-8. */
export const isWellFormed = (text: string): boolean => (text as string & ES2024String).isWellFormed() // see above
