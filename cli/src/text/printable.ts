/** Text that others have chosen, on a terminal: keys and values may hold what moves the cursor or hides what follows. */

// C0 and C1 controls, and what changes the direction of text or cannot be seen.

const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const escaped = (found: string): string => `\\u{${found.codePointAt(0)!.toString(16)}}`

/** The same text, with what a terminal would obey written out. */
export const printable = (text: string): string => text.replace(unsafe, escaped)

/** The same of many lines, which stay lines. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n")

/** No longer than so many characters. */
export const cut = (text: string, most: number): string => text.length <= most ? text : `${text.slice(0, most - 1)}…`
