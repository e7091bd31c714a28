import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Cache, Memo, RedisLayer } from "effect-redis-cache"

const memory = Effect.provide(RedisLayer.layerMemory)

const defectOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), `${exit}`)
    return Exit.isFailure(exit) ? String([...Cause.defects(exit.cause)][0]) : ""
  })

class Repository {
  readonly #table = "users"
  readonly table = "users"

  find(id: number) {
    return Effect.succeed(`${this.table} ${id}`)
  }

  findLater(id: number) {
    return Effect.gen(this, function*() {
      return `${this.table} ${id}`
    })
  }

  findPrivately(id: number) {
    return Effect.succeed(`${this.#table} ${id}`)
  }

  readonly findInside = (id: number) => Effect.succeed(`${this.#table} ${id}`)
}

describe("Functions that cannot be memoized", () => {
  const repository = new Repository()

  for (const name of ["find", "findLater", "findPrivately"] as const) {
    it.effect(`${name}, a method that was passed without its object: the defect names it and says what to do`, () =>
      memory(Effect.gen(function*() {
        const find = Memo.cached(repository[name], "1 minute")
        for (const call of [find(1), find.refresh(1)]) {
          const text = yield* defectOf(call)
          assert.include(text, `The memoized function "${name}" uses \`this.`)
          assert.include(text, "(...) => object.method(...)")
        }
        const whole = Memo.cached((id: number) => repository[name](id), { name })
        assert.strictEqual(yield* Effect.provide(whole(1), RedisLayer.layerMemory), "users 1")
      })))
  }

  it.effect("functions with a bound `this`, or that pass on an undefined one, work", () =>
    memory(Effect.gen(function*() {
      const inside = Memo.cached(repository.findInside, { name: "inside" })
      assert.strictEqual(yield* inside(1), "users 1")
      const bound = Memo.cached(repository.find.bind(repository), { name: "bound" })
      assert.strictEqual(yield* bound(1), "users 1")
      const passing = Memo.cached(function passing(this: unknown, id: number) {
        return Effect.gen(this, function*() {
          return yield* Effect.succeed(id)
        })
      }, "1 minute")
      assert.strictEqual(yield* passing(1), 1)
    })))

  it.effect("a function that returns no effect: the defect names it and says what it returned", () =>
    memory(Effect.gen(function*() {
      const plain = (id: number) => id
      const promising = async (id: number) => id
      const nothing = () => undefined
      const given = [[plain, "a number"], [promising, "a promise"], [nothing, "undefined"]] as const
      for (const [fn, what] of given) {
        const bad = fn as unknown as (id: number) => Effect.Effect<number>
        const memo = Memo.cached(bad, "1 minute")
        const text = yield* defectOf(memo(1))
        assert.include(text, `The memoized function "${fn.name}" must return an Effect, but returned ${what}`)
        const asynchronous = Memo.cachedAsync(bad, { name: `${fn.name} later` })
        assert.include(yield* defectOf(Effect.flatten(asynchronous(1))), what)
      }
      const one = (() => 1) as unknown as () => Effect.Effect<number>
      const property = Memo.cachedProperty({ id: 1 }, { name: "p", key: (self) => self.id }, one)
      assert.include(
        yield* defectOf(property),
        "The memoized function \"p\" must return an Effect, but returned a number"
      )
    })))

  it("arguments that are not functions or options throw where they are passed", () => {
    const effect = Effect.succeed(1)
    assert.throws(
      // @ts-expect-error: no function
      () => Memo.cached(effect, "1 minute"),
      "Memo takes a function that returns an Effect, got an Effect"
    )
    assert.throws(
      // @ts-expect-error: no options
      () => Memo.cached(() => Effect.succeed(1)),
      "Memo takes a time to live or options as its second argument"
    )
  })
})

describe("Loads that return no effect", () => {
  const users = Cache.make({ name: "users" })

  it.effect("are defects that name the cache and say what was returned", () =>
    memory(Effect.gen(function*() {
      const loads: ReadonlyArray<readonly [load: unknown, what: string]> = [
        [(id: string) => id, "a string"],
        [async () => 1, "a promise"],
        [Promise.resolve(1), "a promise"],
        [undefined, "undefined"]
      ]
      for (const [load, what] of loads) {
        const text = `Cache "users": a load must return an Effect, but returned ${what}`
        const bad = load as Effect.Effect<number>
        assert.include(yield* defectOf(Cache.getOrSet(users, "a", bad)), text)
        assert.include(yield* defectOf(Cache.refresh(users, "a", bad)), text)
      }
      const many = (async () => []) as unknown as () => Effect.Effect<ReadonlyArray<readonly [string, number]>>
      assert.include(
        yield* defectOf(Cache.getOrSetMany(users, ["a"], many)),
        "Cache \"users\": a load must return an Effect"
      )
    })))
})
