/** Scripts as values, and the functions of Lua that all of them begin with. */
import { createHash } from "node:crypto"
import type { Shape } from "./replies.js"

export interface Script<out A> {
  readonly name: string
  readonly lua: string
  readonly sha: string
  /** What it answers with. */
  readonly gives: Shape<A>
  /** Its answers are lists that begin with the server's time in ms. */
  readonly tellsTime: boolean
}

const prelude = `
-- Lua's own, which spreads a list
local spread = unpack

-- server time in ms
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function pack(n, size)
  local s = ''
  for _ = 1, size do
    s = string.char(n % 256) .. s
    n = math.floor(n / 256)
  end
  return s
end

local function unpack(v, at, size)
  local n = 0
  for i = at, at + size - 1 do n = n * 256 + string.byte(v, i) end
  return n
end

local function pack48(n)
  return pack(n, 6)
end

local function unpack48(v, at)
  return unpack(v, at, 6)
end

-- the bytes under a key, false if there is none; another type than a string is foreign bytes
local function read(key)
  local v = redis.pcall('GET', key)
  if type(v) ~= 'table' then return v end
  -- what may not be read may be a value, and is not to be written over: this call fails as the other did
  if not string.find(v.err, 'WRONGTYPE', 1, true) then redis.call('GET', key) end
  return ''
end

-- the first bytes under a key, none if there is none; another type than a string is foreign bytes
local function head(key, size)
  local v = redis.pcall('GETRANGE', key, 0, size - 1)
  if type(v) ~= 'table' then return v end
  if not string.find(v.err, 'WRONGTYPE', 1, true) then redis.call('GETRANGE', key, 0, size - 1) end
  return ''
end

local function has(flags, bit)
  return math.floor(flags / bit) % 2 == 1
end

-- the flags of a whole header of this format, nil for anything else
local function flags_of(v)
  if #v < 16 or string.byte(v, 1) ~= 225 then return nil end
  local flags = string.byte(v, 2)
  if has(flags, 2) and #v < 36 then return nil end
  return flags
end

-- where an entry's tags end, and its payload begins behind; nil if they are not all there
local function tags_end(v, flags)
  local at = has(flags, 2) and 37 or 17
  if not has(flags, 4) then return at - 1 end
  local count = string.byte(v, at)
  if not count then return nil end
  at = at + 1
  for _ = 1, count do
    local size = string.byte(v, at)
    if not size then return nil end
    at = at + 1 + size + 8
  end
  return #v >= at - 1 and at - 1 or nil
end

-- whether updates of the source are under way here
local function is_hold(v)
  local flags = v and flags_of(v)
  return flags and has(flags, 1) and has(flags, 16)
end

-- when the last of the updates ends that a hold lists
local function last_end(v)
  local last = 0
  for at = 25, #v - 5, 14 do last = math.max(last, unpack48(v, at)) end
  return last
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

-- the token of a lease that nobody holds: the source is left alone for a while
local none = string.rep('\\0', 8)

-- ms as text: Lua would write large numbers in scientific notation
local function text(n)
  return string.format('%.0f', n)
end

-- lets a key live for at least so many ms more
local function outlast(key, millis)
  local left = redis.call('PTTL', key)
  if left >= 0 and left < tonumber(millis) then redis.call('PEXPIRE', key, text(millis)) end
end

-- lets a key live until its own end (0: for ever), but for at least so many ms more
local function live_until(key, finish, least, time)
  if finish == 0 then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, text(math.max(finish - time, least)))
  end
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

export const script = <A>(name: string, gives: Shape<A>, body: string, tellsTime = false): Script<A> => {
  const lua = `${prelude}${body}`
  return { name, gives, tellsTime, lua, sha: createHash("sha1").update(lua).digest("hex") }
}
