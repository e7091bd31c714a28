/** Tarballs as npm publishes them, and the checks that every package must pass. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import ts from "typescript"

const npx = (...command: ReadonlyArray<string>): void => {
  execFileSync("npx", ["--no-install", ...command], { stdio: "inherit" })
}

/** Packs the package in `source` into the new folder `folder`, and returns the tarball's path. */
export const pack = (source: string, folder: string): string => {
  mkdirSync(folder, { recursive: true })
  const command = ["pack", "--silent", "--pack-destination", resolve(folder)]
  execFileSync("npm", command, { cwd: source, stdio: ["ignore", "ignore", "inherit"] })
  return join(folder, readdirSync(folder)[0]!)
}

/** Unpacks it into the new folder `folder`. */
export const unpack = (tarball: string, folder: string): string => {
  mkdirSync(folder)
  execFileSync("tar", ["-xzf", tarball, "-C", folder, "--strip-components", "1"])
  return folder
}

/** Fails if its `package.json` is wrong, or an entry point does not resolve to its types. */
export const checkTypes = (tarball: string, entryPoints: ReadonlyArray<string>): void => {
  npx("publint", "run", tarball, "--strict")
  npx(
    ...["attw", tarball, "--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color"],
    ...["--format", "ascii", "--entrypoints", ...entryPoints]
  )
}

/** The imports of a file, in any form. `ts.preProcessFile` does not know `export * as`. */
export const importsOf = (file: string): ReadonlyArray<string> => {
  const imports: Array<string> = []
  const take = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteral(node)) imports.push(node.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) take(node.argument.literal)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) take(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest))
  return imports
}

/** The package that a name of a module belongs to. */
export const packageOf = (name: string): string => /^(@[^/]+\/)?[^/]+/.exec(name)![0]
