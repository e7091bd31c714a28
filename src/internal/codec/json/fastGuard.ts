/**
 * A quick test whether a value certainly is what a schema describes, so that encoding or decoding it would return the
 * same value.
 *
 * Effect's parser builds each value anew, one step of a general machine for each part of it; most values that are cached
 * are plain structs that come out as they went in. Where this test says yes, the parser would have said yes and changed
 * nothing. Where it says no, nothing is known, and the parser decides. So it may be strict, and must never be lenient:
 * a field too many, a class, a transformation, a `-0`, all that is "no" here.
 */
import * as Option from "effect/Option"
import * as AST from "effect/SchemaAST"

export type Test = (value: unknown) => boolean

/** The test for values of this schema, if there can be one. */
export const fastGuard = (ast: AST.AST): Test | undefined => {
  switch (ast._tag) {
    case "StringKeyword":
      return isString
    case "NumberKeyword":
      return isJsonNumber
    case "BooleanKeyword":
      return isBoolean
    case "Literal":
      return ofLiteral(ast.literal)
    case "Enums":
      return ofEnums(ast)
    case "Refinement":
      return ofRefinement(ast)
    case "Union":
      return ofUnion(ast.types)
    case "TupleType":
      return ofArray(ast)
    case "TypeLiteral":
      return ofStruct(ast)
    default:
      return undefined
  }
}

const isString: Test = (value) => typeof value === "string"

const isBoolean: Test = (value) => typeof value === "boolean"

/** What JSON writes and reads as it is. */
const isJsonNumber: Test = (value) => typeof value === "number" && (value === 0 ? 1 / value > 0 : value - value === 0)

const ofLiteral = (literal: AST.LiteralValue): Test | undefined =>
  typeof literal === "bigint" || (typeof literal === "number" && !isJsonNumber(literal))
    ? undefined
    : (value) => value === literal

const ofEnums = ({ enums }: AST.Enums): Test => {
  const values = new Set<unknown>(enums.map(([, value]) => value))
  return (value) => (typeof value === "string" || isJsonNumber(value)) && values.has(value)
}

const ofRefinement = (ast: AST.Refinement): Test | undefined => {
  const from = fastGuard(ast.from)
  return from === undefined
    ? undefined
    : (value) => from(value) && Option.isNone(ast.filter(value, AST.defaultParseOption, ast))
}

const isPrimitive = (ast: AST.AST): boolean =>
  ast._tag === "Refinement" ? isPrimitive(ast.from) : ast._tag !== "TupleType" && ast._tag !== "TypeLiteral"

/** Of several objects the parser takes the first that fits, which may leave fields out that another one has. */
const ofUnion = (types: ReadonlyArray<AST.AST>): Test | undefined => {
  if (types.filter((type) => !isPrimitive(type)).length > 1) return undefined
  const tests = types.map(fastGuard)
  if (!all(tests)) return undefined
  return (value) => {
    for (const test of tests) if (test(value)) return true
    return false
  }
}

const all = (tests: ReadonlyArray<Test | undefined>): tests is ReadonlyArray<Test> => !tests.includes(undefined)

const ofArray = ({ elements, rest }: AST.TupleType): Test | undefined => {
  const [items, ...more] = rest
  const test = items === undefined || more.length > 0 || elements.length > 0 ? undefined : fastGuard(items.type)
  if (test === undefined) return undefined
  return (value) => {
    if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) return false
    for (let i = 0; i < value.length; i++) if (!test(value[i])) return false
    return true
  }
}

interface Field {
  readonly name: string
  readonly test: Test
  readonly mayBeAbsent: boolean
  readonly mayBeUndefined: boolean
}

const fieldOf = ({ isOptional, name, type }: AST.PropertySignature): Field | undefined => {
  if (typeof name !== "string" || name === "__proto__") return undefined
  const types = type._tag === "Union" ? type.types : [type]
  const defined = types.filter(({ _tag }) => _tag !== "UndefinedKeyword")
  const mayBeUndefined = defined.length < types.length
  // A required field that is undefined is written like one that is absent, and only the parser knows what that means.
  if (mayBeUndefined && !isOptional) return undefined
  const test = ofUnion(defined)
  return test === undefined ? undefined : { name, test, mayBeAbsent: isOptional, mayBeUndefined }
}

/**
 * Fields that are not named would have been left out, so there must be none.
 *
 * Values mostly have all their fields in the order of the schema, and then one walk over them tells. This is run for
 * every value that is read or written: engines find the fields of such a walk without looking them up.
 */
const ofStruct = ({ indexSignatures, propertySignatures }: AST.TypeLiteral): Test | undefined => {
  if (indexSignatures.length > 0 || propertySignatures.length === 0) return undefined
  const fields: Array<Field> = []
  for (const signature of propertySignatures) {
    const field = fieldOf(signature)
    if (field === undefined) return undefined
    fields.push(field)
  }
  return (value) => {
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
    const values = value as Readonly<Record<string, unknown>> // no class, no array
    let at = 0
    for (const name in values) {
      const field = fields[at++]
      if (name !== field?.name || !passes(field.test, values[name])) return inAnyOrder(fields, values)
    }
    return at === fields.length || inAnyOrder(fields, values)
  }
}

/** The most frequent tests without a call. */
const passes = (test: Test, value: unknown): boolean =>
  test === isString ? typeof value === "string" : test === isBoolean ? typeof value === "boolean" : test(value)

const inAnyOrder = (fields: ReadonlyArray<Field>, values: Readonly<Record<string, unknown>>): boolean => {
  let expected = 0
  for (const { mayBeAbsent, mayBeUndefined, name, test } of fields) {
    const field = values[name]
    if (field !== undefined) {
      if (!test(field)) return false
      expected++
    } else if (Object.hasOwn(values, name)) {
      if (!mayBeUndefined) return false
      expected++
    } else if (!mayBeAbsent) return false
  }
  // Inherited ones would count, and make it a no.
  for (const _ in values) expected--
  return expected === 0
}
