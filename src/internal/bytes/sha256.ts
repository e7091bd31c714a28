/** SHA-256, in one place. */
import { hash } from "node:crypto"

/** Of the text's UTF-8, in 64 hexadecimal digits. */
export const sha256 = (text: string): string => hash("sha256", text, "hex")
