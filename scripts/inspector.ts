/**
 * Builds the inspector's page, `inspector/`, into one text for a server to send: it contains its style and script, so
 * it works without a network, and its content policy names them by their hashes.
 */
import { build } from "esbuild"
import { createHash } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

const root = new URL("../", import.meta.url)

const target = new URL("src/internal/inspector/assets.ts", root)

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const built = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, root))],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    legalComments: "inline",
    logLevel: "error"
  })
  // In the middle of a page, a script must not end it.
  return outputFiles[0]!.text.trim().replaceAll("</script", "<\\/script")
}

/** The generated module. */
export const generate = async (): Promise<string> => {
  const html = await readFile(new URL("inspector/index.html", root), "utf8")
  const licence = (await readFile(new URL("node_modules/uplot/LICENSE", root), "utf8")).trim().replaceAll("*/", "* /")
  const plotStyle = await readFile(new URL("node_modules/uplot/dist/uPlot.min.css", root), "utf8")
  const style = `${plotStyle.trim()}${await built("inspector/style.css")}`
  const script = `/*! The charts are drawn by uPlot.\n${licence}\n*/\n${await built("inspector/main.ts")}`
  const page = html
    .replaceAll(/>\n\s*</g, "><")
    .replace("/*style*/", () => style)
    .replace("/*script*/", () => script)
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")
  return [
    "/** Generated from `inspector/` by `npm run inspector:build`. */",
    "",
    `export const contentSecurityPolicy =\n  ${JSON.stringify(policy)}`,
    "",
    `export const page =\n  ${JSON.stringify(page)}`,
    ""
  ].join("\n")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(target, await generate())
