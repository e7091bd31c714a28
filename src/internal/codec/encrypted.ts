/**
 * A payload, encrypted with AES-256-GCM.
 *
 * Version (1 byte), length of the key's id (1 byte), id (UTF-8), nonce (12 bytes), ciphertext, tag (16 bytes). All
 * before the nonce is authenticated, and the entry's Redis key with it: a payload that is moved to another key, or to
 * another id, cannot be decrypted.
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Redacted from "effect/Redacted"
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import type { Codec, CodecIssue } from "./codec.js"
import { isCodec, make } from "./make.js"
import { toBytes } from "./utf8.js"

const algorithm = "aes-256-gcm"

const version = 1

const keyLength = 32

const nonceLength = 12

const tagLength = 16

export interface EncryptionKey {
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array> | Uint8Array
}

export interface EncryptionKeys {
  readonly current: EncryptionKey
  readonly previous?: ReadonlyArray<EncryptionKey> | undefined
}

interface Ready {
  readonly id: string
  readonly header: Uint8Array
  readonly secret: KeyObject
}

const ready = ({ id, key }: EncryptionKey): Ready => {
  const idBytes = toBytes(id)
  if (idBytes.length === 0 || idBytes.length > 255) {
    throw new TypeError("Codec.encrypted: the id of a key must have 1 to 255 bytes")
  }
  const bytes = Redacted.isRedacted(key) ? Redacted.value(key) : key
  if (!(bytes instanceof Uint8Array) || bytes.length !== keyLength) {
    throw new TypeError(`Codec.encrypted: the key "${id}" must be a Uint8Array of ${keyLength} bytes`)
  }
  return { id, header: Uint8Array.of(version, idBytes.length, ...idBytes), secret: createSecretKey(bytes) }
}

/** The same for the same keys, and no way back to them. */
const fingerprint = ({ id, secret }: Ready): string =>
  `${id}:${createHmac("sha256", secret).update("effect-redis-cache/Codec.encrypted").digest("hex")}`

const issue = (detail: string): Either.Either<never, CodecIssue> => Either.left({ path: "$", detail })

const seal = (payload: Uint8Array, { header, secret }: Ready, redisKey: string): Uint8Array => {
  const nonce = randomBytes(nonceLength)
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagLength })
  cipher.setAAD(Buffer.concat([header, toBytes(redisKey)]))
  return Buffer.concat([header, nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()])
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean =>
  bytes.length >= prefix.length && prefix.every((byte, at) => bytes[at] === byte)

const open = (
  sealed: Uint8Array,
  keys: ReadonlyArray<Ready>,
  redisKey: string
): Either.Either<Uint8Array, CodecIssue> => {
  const key = keys.find(({ header }) => startsWith(sealed, header))
  if (key === undefined) return issue("encrypted with a key that this codec was not given, or not encrypted")
  const start = key.header.length
  if (sealed.length < start + nonceLength + tagLength) return issue("the encrypted payload is truncated")
  const text = start + nonceLength
  const end = sealed.length - tagLength
  try {
    const decipher = createDecipheriv(algorithm, key.secret, sealed.subarray(start, text), { authTagLength: tagLength })
    decipher.setAAD(Buffer.concat([key.header, toBytes(redisKey)]))
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(text, end))
    // It throws unless all of it is authentic, and adds no bytes.
    decipher.final()
    return Either.right(plain)
  } catch {
    return issue("the encrypted payload is not authentic: it was changed, or copied from another entry")
  }
}

export const encrypted: {
  (keys: EncryptionKeys): <Value>(self: Codec<Value>) => Codec<Value>
  <Value>(self: Codec<Value>, keys: EncryptionKeys): Codec<Value>
} = dual(
  (args) => isCodec(args[0]),
  <Value>(self: Codec<Value>, keys: EncryptionKeys): Codec<Value> => {
    const current = ready(keys.current)
    const all = [current, ...(keys.previous ?? []).map(ready)]
    if (new Set(all.map(({ id }) => id)).size !== all.length) {
      throw new TypeError("Codec.encrypted: two keys have the same id")
    }
    return make<Value>({
      identity: Data.tuple("encrypted", self.identity, ...all.map(fingerprint)),
      encode: (value, context) =>
        Either.map(self.encode(value, context), (payload) => seal(payload, current, context.key)),
      decode: (payload, context) =>
        Either.flatMap(open(payload, all, context.key), (plain) => self.decode(plain, context))
    })
  }
)
