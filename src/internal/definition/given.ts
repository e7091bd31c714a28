/**
 * What may be given as a key and as a value, in the types. A cache of `unknown` would take anything: also the effect of a forgotten
 * `yield*`, and a promise that was not awaited.
 */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"

/** Effects in their types, and data nevertheless. */
type Data = Option.Option<any> | Either.Either<any, any> | Exit.Exit<any, any> | Error

type HasEffect<V> = 0 extends 1 & V ? false // any
  : [Exclude<Extract<V, Effect.Effect<any, any, any>>, Data>] extends [never] ? false
  : true

type HasPromise<V> = 0 extends 1 & V ? false : [Extract<V, PromiseLike<any>>] extends [never] ? false : true

/**
 * `[A, Same<A>] extends [unknown, IsTrue]` asks whether `A` is `true`, so that code which is generic in `A` still compiles.
 * A type parameter goes with a conditional type where it goes with each branch that could be taken, and TypeScript sees
 * that the first cannot be: nothing but `true` itself is the same as `true`. The first elements keep it from deciding
 * before it knows `A`.
 */
type Same<A> = <B>() => B extends [A] ? 1 : 2
type IsTrue = <B>() => B extends [true] ? 1 : 2
type IsUnknown = <B>() => B extends [unknown] ? 1 : 2

/** `Sound` if `V` is a value, otherwise a message that says what to do. */
type Yielded<V, Sound> = [V, Same<HasEffect<V>>] extends [unknown, IsTrue]
  ? "an Effect is not a value: yield it, and store its result"
  : [V, Same<HasPromise<V>>] extends [unknown, IsTrue] ? "a promise is not a value: await it, and store its result"
  : Sound

/** The part of a result that a cache of `Value` accepts; or `Other`, which is not a value of the cache. */
export type Given<Value, V, Other = never> = [Value, Same<Value>] extends [unknown, IsUnknown] ? Yielded<V, V>
  : NoInfer<Value> | Other

/** The same if no cache is known yet, and `Value` may have to be inferred from the result. */
export type GivenFirst<Value, V, Other = never> = [Value, Same<Value>] extends [unknown, IsUnknown] ? Yielded<V, V>
  : V & (NoInfer<Value> | Other)

/** `unknown` if `V` is a value that a cache of `Value` accepts. */
export type TakenBy<Value, V> = [Value, Same<Value>] extends [unknown, IsUnknown] ? Yielded<V, unknown> : unknown

export type ValueIn<Pairs> = Pairs extends Iterable<readonly [unknown, infer V]> ? V : never

/** Many entries as the cache has them, in the form that they come in. */
export type EntriesOf<Key, Value, Entries> = Entries extends Iterable<unknown>
  ? Iterable<readonly [Key, Given<Value, ValueIn<Entries>>]>
  : string extends Key ? Readonly<Record<string, Given<Value, Entries[keyof Entries]>>>
  : "the keys of this cache are not strings: give pairs"

/** In a pipe, the cache says what its keys are; where a data-last form stands by itself, `"42"` stands for any string. */
export type Widen<Key> = Key extends string | number ? {} extends Record<Key, unknown> ? Key
  : Key extends string ? string
  : number
  : Key
