/** Untrusted text on a terminal: keys and values may contain characters that move the cursor or hide what follows. */

// C0 and C1 controls, and characters that change the direction of text or cannot be seen.

const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const escaped = (found: string): string => `\\u{${found.codePointAt(0)!.toString(16)}}`

/** The same text, with control characters escaped. */
export const printable = (text: string): string => text.replace(unsafe, escaped)

/** The same for several lines, which stay lines. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n")

/** At most this many characters. */
export const cut = (text: string, most: number): string => text.length <= most ? text : `${text.slice(0, most - 1)}…`
