/**
 * The sources, built once more with a counter in every branch, so that the fuzzer sees which path an input took.
 * Reading V8's own coverage after each input would cost many times what most inputs cost.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import ts from "typescript"
import type * as Cache from "../../src/Cache.js"
import type * as Codec from "../../src/Codec.js"
import type * as RandomBytes from "../../src/internal/bytes/randomBytes.js"
import type * as Entry from "../../src/internal/entry/format.js"
import type * as Key from "../../src/internal/key/encode.js"
import type * as TagKeys from "../../src/internal/key/reserved.js"
import type * as Url from "../../src/internal/redis/connection/url.js"
import type * as Memo from "../../src/Memo.js"
import type * as Redis from "../../src/Redis.js"
import type * as RedisLayer from "../../src/RedisLayer.js"

/** A change to a source before it is built: a planted bug. */
export interface Mutant {
  /** Below `src`. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** The fuzzed modules. */
export interface Library {
  readonly entry: typeof Entry
  readonly key: typeof Key
  readonly tagKeys: typeof TagKeys
  readonly url: typeof Url
  readonly randomBytes: typeof RandomBytes
  readonly Codec: typeof Codec
  readonly Cache: typeof Cache
  readonly Memo: typeof Memo
  readonly Redis: typeof Redis
  readonly RedisLayer: typeof RedisLayer
}

const modules: Readonly<Record<keyof Library, string>> = {
  entry: "internal/entry/format",
  key: "internal/key/encode",
  tagKeys: "internal/key/reserved",
  url: "internal/redis/connection/url",
  randomBytes: "internal/bytes/randomBytes",
  Codec: "Codec",
  Cache: "Cache",
  Memo: "Memo",
  Redis: "Redis",
  RedisLayer: "RedisLayer"
}

/** The files whose coverage points count: those that read bytes, and those that make keys. */
export const fuzzed = /^(?:internal\/(?:codec\/.*|key\/.*|entry\/(?:format|tags)|redis\/connection\/url))\.ts$/

export interface Instrumented {
  readonly library: Library
  /** How often each point was reached; the fuzzer resets it to zero. */
  readonly hits: Uint8Array
  /** The number of points. */
  readonly points: number
  readonly remove: () => void
}

const root = fileURLToPath(new URL("../..", import.meta.url))

const maxPoints = 65_536

/** Each build has counters of its own. */
let builds = 0

const transformer = (next: () => number) => (context: ts.TransformationContext) => {
  const { factory } = context
  const count = (): ts.Expression =>
    factory.createPostfixIncrement(
      factory.createElementAccessExpression(factory.createIdentifier("__hits"), factory.createNumericLiteral(next()))
    )
  const counted = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(factory.createComma(count(), expression))
  const statement = (): ts.Statement => factory.createExpressionStatement(count())
  const block = (body: ts.Statement): ts.Block =>
    ts.isBlock(body)
      ? factory.updateBlock(body, [statement(), ...body.statements])
      : factory.createBlock([statement(), body], true)
  const visit = (node: ts.Node): ts.Node => {
    const seen = ts.visitEachChild(node, visit, context)
    if (ts.isIfStatement(seen)) {
      const otherwise = seen.elseStatement === undefined
        ? factory.createBlock([statement()])
        : block(seen.elseStatement)
      return factory.updateIfStatement(seen, seen.expression, block(seen.thenStatement), otherwise)
    }
    if (ts.isConditionalExpression(seen)) {
      return factory.updateConditionalExpression(
        seen,
        seen.condition,
        seen.questionToken,
        counted(seen.whenTrue),
        seen.colonToken,
        counted(seen.whenFalse)
      )
    }
    if (ts.isBinaryExpression(seen)) {
      switch (seen.operatorToken.kind) {
        case ts.SyntaxKind.AmpersandAmpersandToken:
        case ts.SyntaxKind.BarBarToken:
        case ts.SyntaxKind.QuestionQuestionToken:
          return factory.updateBinaryExpression(seen, seen.left, seen.operatorToken, counted(seen.right))
        default:
          return seen
      }
    }
    if (ts.isCaseClause(seen)) {
      return factory.updateCaseClause(seen, seen.expression, [statement(), ...seen.statements])
    }
    if (ts.isDefaultClause(seen)) return factory.updateDefaultClause(seen, [statement(), ...seen.statements])
    if (ts.isCatchClause(seen)) return factory.updateCatchClause(seen, seen.variableDeclaration, block(seen.block))
    if (ts.isForStatement(seen)) {
      return factory.updateForStatement(
        seen,
        seen.initializer,
        seen.condition,
        seen.incrementor,
        block(seen.statement)
      )
    }
    if (ts.isForOfStatement(seen)) {
      return factory.updateForOfStatement(
        seen,
        seen.awaitModifier,
        seen.initializer,
        seen.expression,
        block(seen.statement)
      )
    }
    if (ts.isWhileStatement(seen)) return factory.updateWhileStatement(seen, seen.expression, block(seen.statement))
    if (ts.isArrowFunction(seen)) {
      return factory.updateArrowFunction(
        seen,
        seen.modifiers,
        seen.typeParameters,
        seen.parameters,
        seen.type,
        seen.equalsGreaterThanToken,
        ts.isBlock(seen.body) ? block(seen.body) : counted(seen.body)
      )
    }
    return seen
  }
  return (file: ts.SourceFile): ts.SourceFile => {
    const counters = factory.createVariableStatement(
      undefined,
      factory.createVariableDeclarationList([
        factory.createVariableDeclaration(
          "__hits",
          undefined,
          undefined,
          factory.createElementAccessExpression(
            factory.createPropertyAccessExpression(factory.createIdentifier("globalThis"), "__fuzzHits"),
            factory.createNumericLiteral(builds)
          )
        )
      ], ts.NodeFlags.Const)
    )
    const visited = ts.visitEachChild(file, visit, context)
    return factory.updateSourceFile(visited, [counters, ...visited.statements])
  }
}

/** A build of its own in a folder of its own; `remove` deletes it. */
export const instrument = async (mutants: ReadonlyArray<Mutant> = []): Promise<Instrumented> => {
  const hits = new Uint8Array(maxPoints)
  const held = globalThis as { __fuzzHits?: Record<number, Uint8Array> }
  held.__fuzzHits = { ...held.__fuzzHits, [builds]: hits }
  mkdirSync(join(root, ".tmp"), { recursive: true })
  const folder = mkdtempSync(join(root, ".tmp/fuzz-"))
  let points = 0
  const next = (): number => points++
  const source = join(root, "src")
  for (
    const file of readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
  ) {
    let text = readFileSync(join(source, file), "utf8")
    for (const { from, to } of mutants.filter((mutant) => mutant.file === file)) {
      if (!text.includes(from)) throw new Error(`src/${file} has no longer: ${from}`)
      text = text.replace(from, () => to)
    }
    const { outputText } = ts.transpileModule(text, {
      fileName: file,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        isolatedModules: true
      },
      transformers: fuzzed.test(file) ? { before: [transformer(next)] } : {}
    })
    const target = join(folder, file.replace(/\.ts$/, ".js"))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  if (points > maxPoints) throw new Error(`${points} points are more than there are counters`)
  builds++
  const library: Record<string, unknown> = {}
  for (const [name, file] of Object.entries(modules)) {
    library[name] = await import(/* @vite-ignore */ pathToFileURL(join(folder, `${file}.js`)).href)
  }
  return {
    library: library as unknown as Library, // as `modules` says
    hits: hits.subarray(0, points),
    points,
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}
