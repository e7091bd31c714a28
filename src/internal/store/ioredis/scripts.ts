/**
 * The atomic steps of the driver on a real Redis, as Lua. Each acts on one key; `../memory.ts` has the same steps in
 * TypeScript, and one contract suite runs over both. The layout of an entry is in `../../entry.ts`; Lua counts from 1.
 *
 * Numbers that become commands' arguments are passed through as the text they came in: Lua would write large ones in
 * scientific notation.
 */
import { createHash } from "node:crypto"
import { isBytes, isDecimal, isFlag, isOneOf, isSwap, type Shape } from "./replies.js"

export interface Script<out A> {
  readonly name: string
  readonly lua: string
  readonly sha: string
  /** What it answers with. */
  readonly gives: Shape<A>
}

const prelude = `
-- server time in ms
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function pack48(n)
  local s = ''
  for _ = 1, 6 do
    s = string.char(n % 256) .. s
    n = math.floor(n / 256)
  end
  return s
end

local function unpack48(v, at)
  local n = 0
  for i = at, at + 5 do n = n * 256 + string.byte(v, i) end
  return n
end

-- the bytes under a key, false if there is none; another type than a string is foreign bytes
local function read(key)
  local v = redis.pcall('GET', key)
  if type(v) ~= 'table' then return v end
  -- what may not be read may be a value, and is not to be written over: this call fails as the other did
  if not string.find(v.err, 'WRONGTYPE', 1, true) then redis.call('GET', key) end
  return ''
end

local function has(flags, bit)
  return math.floor(flags / bit) % 2 == 1
end

-- the flags of a whole header of this format, nil for anything else
local function flags_of(v)
  if #v < 16 or string.byte(v, 1) ~= 225 then return nil end
  local flags = string.byte(v, 2)
  if has(flags, 2) and #v < 30 then return nil end
  return flags
end

-- what a compare-and-set compares; '' for what is absent whoever looks
local function identity(v, kind)
  if not v then return '' end
  if kind == 'counter' then
    if v == '0' or (#v <= 17 and string.match(v, '^%-?[1-9]%d*$')) then return v end
    return ''
  end
  local flags = flags_of(v)
  if not flags or has(flags, 1) then return '' end
  return string.sub(v, 5, 9)
end

local function leased_by(v, token)
  local flags = v and flags_of(v)
  return flags and has(flags, 2) and string.sub(v, 17, 24) == token and flags
end

-- a lease in an entry's slot must not go with the entry: it stays at least as long, whatever its header says
local function outlast(key, duration)
  local left = redis.call('PTTL', key)
  if left >= 0 and left < tonumber(duration) then redis.call('PEXPIRE', key, duration) end
end

-- sets, for life ms, or for ever where life is ''
local function set(key, v, life)
  if life == '' then
    redis.call('SET', key, v)
  else
    redis.call('SET', key, v, 'PX', life)
  end
end
`

const script = <A>(name: string, gives: Shape<A>, body: string): Script<A> => {
  const lua = `${prelude}${body}`
  return { name, gives, lua, sha: createHash("sha1").update(lua).digest("hex") }
}

/**
 * Takes a lease if what was seen is still there.
 * KEYS: key. ARGV: identity of what was seen, token, duration in ms, force (1 or 0), kind.
 * Returns `Granted`, `Held` or `Found`.
 */
export const lease = script(
  "lease",
  isOneOf("Granted", "Held", "Found"),
  `
local key, seen, token, duration, force, kind = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5]
local v = read(key)
local time = now()
local flags = v and flags_of(v)
if flags and has(flags, 2) and not force and unpack48(v, 25) > time then return 'Held' end
local slot = token .. pack48(time + duration)
local there = identity(v, kind)
if there == '' then
  redis.call('SET', key, '\\225\\3\\0\\0' .. string.sub(token, 1, 5) .. '\\0\\0\\0\\0\\0\\0\\0' .. slot, 'PX', duration)
  return 'Granted'
end
if not force and there ~= seen then return 'Found' end
-- a counter has no slot for a lease, and a marker would take its place
if kind == 'counter' then return 'Found' end
local rest = string.sub(v, has(flags, 2) and 31 or 17)
local with = has(flags, 2) and flags or flags + 2
redis.call('SET', key, string.sub(v, 1, 1) .. string.char(with) .. string.sub(v, 3, 16) .. slot .. rest, 'KEEPTTL')
outlast(key, duration)
return 'Granted'
`
)

/** Writes where the token's lease holds. KEYS: key. ARGV: token, bytes, life in ms or ''. Returns 1 or 0. */
export const fill = script(
  "fill",
  isFlag,
  `
if not leased_by(read(KEYS[1]), ARGV[1]) then return 0 end
set(KEYS[1], ARGV[2], ARGV[3])
return 1
`
)

/** Ends the token's lease. KEYS: key. ARGV: token. */
export const release = script(
  "release",
  isFlag,
  `
local v = read(KEYS[1])
local flags = leased_by(v, ARGV[1])
if not flags then return 0 end
if has(flags, 1) then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1],
    string.sub(v, 1, 1) .. string.char(flags - 2) .. string.sub(v, 3, 16) .. string.sub(v, 31), 'KEEPTTL')
end
return 1
`
)

/** Prolongs the token's lease. KEYS: key. ARGV: token, duration in ms. Returns 1 or 0. */
export const renew = script(
  "renew",
  isFlag,
  `
local flags = leased_by(read(KEYS[1]), ARGV[1])
if not flags then return 0 end
redis.call('SETRANGE', KEYS[1], 24, pack48(now() + ARGV[2]))
if has(flags, 1) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  outlast(KEYS[1], ARGV[2])
end
return 1
`
)

/**
 * Compare-and-set. KEYS: key. ARGV: identity of what was seen, kind, delete (1 or 0), bytes, life in ms or ''.
 * Returns {1} when it was done, else {0, what is there}.
 */
export const swap = script(
  "swap",
  isSwap,
  `
local v = read(KEYS[1])
if identity(v, ARGV[2]) ~= ARGV[1] then return {0, v} end
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
else
  set(KEYS[1], ARGV[4], ARGV[5])
end
return {1}
`
)

/** A new life. KEYS: key. ARGV: identity of what was seen, kind, fresh until (6 bytes), life in ms or ''. Returns 1 or 0. */
export const touch = script(
  "touch",
  isFlag,
  `
local there = identity(read(KEYS[1]), ARGV[2])
if there == '' or there ~= ARGV[1] then return 0 end
if ARGV[2] == 'entry' then redis.call('SETRANGE', KEYS[1], 9, ARGV[3]) end
if ARGV[4] == '' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
`
)

/**
 * Adds to a counter. KEYS: key. ARGV: delta, life in ms or ''. Returns the sum as text, since a large integer reply
 * would lose digits on its way through a script.
 */
export const increment = script(
  "increment",
  isDecimal,
  `
local there = identity(read(KEYS[1]), 'counter')
if there == '' then
  set(KEYS[1], ARGV[1], ARGV[2])
  return ARGV[1]
end
if math.abs(tonumber(there) + tonumber(ARGV[1])) > 9007199254740991 then
  return redis.error_reply('ERR increment would overflow')
end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])
`
)

/** An epoch, made where there is none. KEYS: key. ARGV: candidate, least life in ms or ''. Returns the epoch. */
export const ensureEpoch = script(
  "ensureEpoch",
  isBytes,
  `
local v = read(KEYS[1])
if not v or #v ~= 8 then
  set(KEYS[1], ARGV[1], ARGV[2])
  return ARGV[1]
end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 then
  if ARGV[2] == '' then
    redis.call('PERSIST', KEYS[1])
  elseif left < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
return v
`
)

export const all: ReadonlyArray<Script<unknown>> = [
  lease,
  fill,
  release,
  renew,
  swap,
  touch,
  increment,
  ensureEpoch
]
