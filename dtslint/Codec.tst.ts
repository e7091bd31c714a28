import { Effect, pipe, type Redacted, Schema } from "effect"
import { Codec } from "effect-redis-cache"
import { describe, expect, it } from "tstyche"

interface Note {
  readonly text: string
}

declare const keys: { readonly current: Codec.EncryptionKey }

describe("Codec", () => {
  it("json has the schema's type", () => {
    expect(Codec.json(Schema.Struct({ at: Schema.Date }))).type.toBe<Codec.Codec<{ readonly at: Date }>>()
    expect(Codec.json(Schema.NumberFromString)).type.toBe<Codec.Codec<number>>()
    const needy = Schema.transformOrFail(Schema.String, Schema.String, {
      decode: (text) => Effect.as(Effect.context<"Http">(), text),
      encode: Effect.succeed
    })
    // @ts-expect-error: Argument of type
    Codec.json(needy)
  })

  it("structural has the given type, or unknown", () => {
    expect(Codec.structural<Note>()).type.toBe<Codec.Codec<Note>>()
    expect(Codec.structural()).type.toBe<Codec.Codec<unknown>>()
  })

  it("counter", () => {
    expect(Codec.counter).type.toBe<Codec.Codec<number>>()
  })

  it("make", () => {
    expect(Codec.make({
      encode: (note: Note, context) => {
        expect(context).type.toBe<Codec.CodecContext>()
        return new TextEncoder().encode(note.text)
      },
      decode: (bytes) => {
        expect(bytes).type.toBe<Uint8Array>()
        return { text: "" }
      }
    })).type.toBe<Codec.Codec<Note>>()
  })

  it("compressed and encrypted keep the type", () => {
    expect(Codec.compressed(Codec.structural<Note>())).type.toBe<Codec.Codec<Note>>()
    expect(Codec.compressed(Codec.structural<Note>(), { threshold: 1 })).type.toBe<Codec.Codec<Note>>()
    expect(pipe(Codec.structural<Note>(), Codec.compressed())).type.toBe<Codec.Codec<Note>>()
    expect(Codec.structural<Note>().pipe(Codec.compressed({ threshold: 1 }), Codec.encrypted(keys))).type.toBe<
      Codec.Codec<Note>
    >()
    expect(Codec.encrypted(Codec.structural<Note>(), keys)).type.toBe<Codec.Codec<Note>>()
    expect<Codec.EncryptionKey["key"]>().type.toBe<Redacted.Redacted<Uint8Array> | Uint8Array>()
    // @ts-expect-error: Property 'current' is missing
    pipe(Codec.structural<Note>(), Codec.encrypted({}))
  })

  it("is invariant", () => {
    expect<Codec.Codec<Note>>().type.not.toBeAssignableTo<Codec.Codec<unknown>>()
    expect<Codec.Codec<unknown>>().type.not.toBeAssignableTo<Codec.Codec<Note>>()
  })

  it("isCodec", () => {
    expect(Codec.isCodec).type.toBe<(u: unknown) => u is Codec.Codec<unknown>>()
  })
})
