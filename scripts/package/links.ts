/** Links between files: whatever the published texts and types point to is published with them. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** How headings become anchors. */
const anchorsIn = (markdown: string): ReadonlySet<string> =>
  new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    )
  )

/** `[text](path#anchor)` in Markdown; `docs/name.md` anywhere in a comment. */
const linksIn = (file: string, text: string): ReadonlyArray<readonly [path: string, anchor: string | undefined]> =>
  file.endsWith(".md")
    ? [...text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, path, anchor]) => [path!, anchor])
    : [...text.matchAll(/\bdocs\/(?:[\w-]+\/)*[\w-]+\.md\b/g)].map(([path]) => [path, undefined])

/** Reports each link in `folder`, an installed package, that leads nowhere. `docs` is the package with the pages. */
export const checkLinks = (folder: string, report: (problem: string) => void, docs = folder): void => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(?:md|ts)$/.test(name))
  for (const file of files) {
    for (const [path, anchor] of linksIn(file, readFileSync(join(folder, file), "utf8"))) {
      // Links in comments start from the root, links in texts from their own folder.
      const target = file.endsWith(".md")
        ? join(folder, path === "" ? file : join(dirname(file), path))
        : join(docs, path)
      if (!existsSync(target)) report(`${file} points to ${path}, which is not in the package`)
      else if (anchor !== undefined && !anchorsIn(readFileSync(target, "utf8")).has(anchor)) {
        report(`${file} points to ${path}#${anchor}, which has no such heading`)
      }
    }
  }
}
