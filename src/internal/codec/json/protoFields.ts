/**
 * Fields that are named `__proto__`.
 *
 * JSON keeps them as data. Effect's parser of records assigns them, which sets the prototype of its result, or does
 * nothing: the value would come back changed. So where a schema has records, such fields are refused.
 */
import type * as AST from "effect/SchemaAST"

/** Whether somewhere in it the schema copies fields that it does not name. */
export const losesProto = (ast: AST.AST): boolean => {
  switch (ast._tag) {
    case "TypeLiteral":
      return ast.indexSignatures.length > 0 || ast.propertySignatures.some(({ type }) => losesProto(type))
    case "TupleType":
      return ast.elements.some(({ type }) => losesProto(type)) || ast.rest.some(({ type }) => losesProto(type))
    case "Union":
      return ast.types.some(losesProto)
    case "Refinement":
      return losesProto(ast.from)
    case "Transformation":
      return losesProto(ast.from) || losesProto(ast.to)
    case "Declaration":
      return ast.typeParameters.some(losesProto)
    case "Suspend":
      // What it refers to may not be defined yet.
      return true
    default:
      return false
  }
}

/** Whether plain data has one. Each object is visited once, so that cycles end. */
export const hasOwnProto = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return false
  const met = new Set<object>([value])
  for (const object of met) {
    if (Object.hasOwn(object, "__proto__")) return true
    for (const item of Object.values(object)) if (typeof item === "object" && item !== null) met.add(item)
  }
  return false
}
