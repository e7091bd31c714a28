/** The name of a schema. */
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

const longest = 100

/** Its own name, or that of its type (of a class), or its type as it is written, shortened if that is long. */
export const schemaName = ({ ast }: Schema.Schema.All): string =>
  SchemaAST.getIdentifierAnnotation(ast).pipe(
    Option.orElse(() =>
      SchemaAST.isTransformation(ast) ? SchemaAST.getIdentifierAnnotation(ast.to) : Option.none<string>()
    ),
    Option.getOrElse(() => {
      const type = String(ast)
      return type.length > longest ? `${type.slice(0, longest)}…` : type
    })
  )
