/** The pages of `docs/` are complete: the site has every page, and the pages have every export and option. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { pages } from "../../docs/.vitepress/pages.js"

const root = fileURLToPath(new URL("../../", import.meta.url))

const read = (path: string): string => readFileSync(`${root}${path}`, "utf8")

const markdown = readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md") && !name.startsWith("api/"))

const parse = (path: string): ts.SourceFile => ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)

/** The values that a module exports. */
const valuesOf = (path: string): ReadonlyArray<string> =>
  parse(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && !statement.isTypeOnly) {
      const clause = statement.exportClause
      return clause !== undefined && ts.isNamedExports(clause)
        ? clause.elements.filter((element) => !element.isTypeOnly).map((element) => element.name.text)
        : []
    }
    const isExported = ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
    if (!isExported) return []
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map((declaration) => declaration.name.getText())
    }
    return ts.isClassDeclaration(statement) ? [statement.name!.text] : []
  })

/** The properties of an interface. */
const optionsOf = (path: string, name: string): ReadonlyArray<string> => {
  const found = parse(path).statements.find((statement): statement is ts.InterfaceDeclaration =>
    ts.isInterfaceDeclaration(statement) && statement.name.text === name
  )
  assert(found !== undefined, `${path} has no interface ${name}`)
  return found.members.flatMap((member) => member.name === undefined ? [] : [member.name.getText()])
}

const modules = ["Cache", "Memo", "Pending", "Codec", "RedisLayer", "CacheError"]

/** Exports that only other libraries need. */
const forLibraries = new Set(["TypeId"])

/** The files that declare options. */
const options: ReadonlyArray<readonly [path: string, names: ReadonlyArray<string>]> = [
  ["src/internal/definition/policy.ts", ["PolicyOptions", "LeaseOptions", "NearOptions"]],
  ["src/internal/ops/loadTypes.ts", ["LoadOptions", "LoadManyOptions"]],
  ["src/Memo.ts", ["ResultOptions", "Options", "Members"]],
  ["src/RedisLayer.ts", ["CommonOptions", "Options", "ClusterOptions"]]
]

const texts = markdown.map((name) => read(`docs/${name}`))

const examples = texts.flatMap((text) => [...text.matchAll(/```ts.*\n([\s\S]*?)```/g)].map(([, code]) => code!)).join(
  "\n"
)

const reference = read("docs/reference/options.md")

describe("docs/", () => {
  it("is on the site: every page of it, and nothing else", () => {
    const listed = pages.flatMap(({ items }) => items.map(({ link }) => `${link.replace(/^\//, "")}.md`))
    assert.deepStrictEqual([...listed, "index.md"].sort(), [...markdown].sort())
  })

  for (const name of modules) {
    it(`documents every export of ${name}, in the reference and in an example`, () => {
      const exported = valuesOf(`src/${name}.ts`).filter((value) => !forLibraries.has(value))
      assert.isNotEmpty(exported)
      assert.deepStrictEqual(exported.filter((value) => !reference.includes(`${name}.${value}`)), [])
      const shown = (value: string) => examples.includes(`${name}.${value}`)
      assert.deepStrictEqual(exported.filter((value) => !shown(value)), [])
    })
  }

  for (const [path, names] of options) {
    for (const name of names) {
      it(`documents every option of ${name}, in the reference and in an example`, () => {
        const declared = optionsOf(path, name)
        assert.isNotEmpty(declared)
        const isNamed = (option: string) => new RegExp(`\`\\.?${option}\``).test(reference)
        assert.deepStrictEqual(declared.filter((option) => !isNamed(option)), [])
        const isShown = (option: string) => new RegExp(`\\b${option}\\b`).test(examples)
        assert.deepStrictEqual(declared.filter((option) => !isShown(option)), [])
      })
    }
  }
})
