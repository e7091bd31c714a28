/**
 * The atomic steps of the driver on a real Redis, as Lua. Each acts on one key; `driver/memory.ts` has the same steps in
 * TypeScript, and one contract suite runs over both. The layout of an entry is in `entry/format.ts`; Lua counts from 1.
 *
 * Numbers that become commands' arguments are passed through as the text they came in: Lua would write large ones in
 * scientific notation.
 */
import { endHold, hold } from "./holds/scripts.js"
import { type Script, script } from "./lua.js"
import { discard, remove, sweepKeys, sweepPage, take } from "./removing/scripts.js"
import { areBytes, isBytes, isCount, isDecimal, isFlag, isLease, isSwap } from "./replies.js"

/**
 * Takes a lease if what was seen is still there. KEYS: key. ARGV: identity of what was seen, token, duration in ms,
 * life in ms, force (1 or 0), yields (1 or 0), kind. Returns the server's time in ms, then `Granted`, the write id of
 * the marker or entry with the lease and the load's turn, or `Held`, for how many ms more and by which token, or
 * `Found`, or `Barred`.
 */
export const lease = script(
  "lease",
  isLease,
  `
local key, seen, token, duration, life = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local force, yields, kind = ARGV[5] == '1', ARGV[6] == '1', ARGV[7]
local v = read(key)
local time = now()
if is_hold(v) and last_end(v) > time then return {time, 'Barred'} end
local flags = v and flags_of(v)
local leased = flags and has(flags, 2)
if leased and not force then
  local left = unpack48(v, 25) - time
  local holder = string.sub(v, 17, 24)
  -- one that claims more than any lease lasts was written before the server's clock was set back
  if left > 0 and left <= tonumber(life) and (holder ~= none or yields) then return {time, 'Held', left, holder} end
end
local slot = token .. pack48(time + duration)
-- no two grants of one key are within a microsecond
local t = redis.call('TIME')
local turn = pack(t[1] * 1000000 + t[2], 5)
local there = identity(v, kind)
if there == '' then
  -- a marker whose lease goes to another keeps its header: nobody has written
  local head = leased and string.sub(v, 1, 16) or '\\225\\3\\0\\0' .. string.sub(token, 1, 5) .. string.rep('\\0', 7)
  redis.call('SET', key, head .. slot .. string.rep('\\0', 6), 'PX', life)
  return {time, 'Granted', string.sub(head, 5, 9), turn}
end
if not force and there ~= seen then return {time, 'Found'} end
-- a counter has no slot for a lease, and a marker would take its place
if kind == 'counter' then return {time, 'Found'} end
local finish = string.rep('\\0', 6)
if leased then
  finish = string.sub(v, 31, 36)
else
  local left = redis.call('PTTL', key)
  if left >= 0 then finish = pack48(time + left) end
end
local rest = string.sub(v, leased and 37 or 17)
local with = leased and flags or flags + 2
redis.call('SET', key,
  string.sub(v, 1, 1) .. string.char(with) .. string.sub(v, 3, 16) .. slot .. finish .. rest, 'KEEPTTL')
-- the lease must not go with the entry, whatever the entry's own end is
outlast(key, life)
return {time, 'Granted', there, turn}
`,
  true
)

/**
 * Writes if the slot has the token, or if another load took the lease by force and the only writes since were by loads
 * with an earlier turn. KEYS: key. ARGV: token, remove (1 or 0), bytes, life in ms or '', write id to be replaced or
 * '', turn or '', life of a lease in ms. Returns 1 or 0.
 */
export const fill = script(
  "fill",
  isFlag,
  `
local key, token, remove, bytes, life = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local replaces, turn, lease_life = ARGV[5], ARGV[6], ARGV[7]
local v = read(key)
local flags = v and flags_of(v)
if not flags or is_hold(v) then return 0 end
local holder = has(flags, 2) and string.sub(v, 17, 24)
if holder == token then
  if remove then redis.call('DEL', key) else set(key, bytes, life) end
  return 1
end
if replaces == '' then return 0 end
if string.sub(v, 5, 9) ~= replaces then
  local since = (unpack(turn, 1, 5) - unpack(v, 5, 5)) % 2 ^ 40
  if not has(flags, 32) or since == 0 or since >= 2 ^ 39 then return 0 end
end
local slot = holder and holder ~= none and string.sub(v, 17, 30)
if remove then
  if slot then
    redis.call('SET', key,
      '\\225\\35\\0\\0' .. turn .. string.rep('\\0', 7) .. slot .. string.rep('\\0', 6), 'PX', lease_life)
  else
    redis.call('DEL', key)
  end
  return 1
end
-- another load that has the lease keeps it
local finish = slot and slot .. pack48(life == '' and 0 or now() + life) or ''
local with = string.byte(bytes, 2) + 32 + (slot and 2 or 0)
set(key, string.sub(bytes, 1, 1) .. string.char(with) .. string.sub(bytes, 3, 4) .. turn .. string.sub(bytes, 10, 16)
  .. finish .. string.sub(bytes, 17), life)
if slot then outlast(key, lease_life) end
return 1
`
)

/**
 * Ends the token's lease. KEYS: key. ARGV: token, for how many ms to leave the source alone (0: not at all).
 * Returns 1 or 0.
 */
export const release = script(
  "release",
  isFlag,
  `
local v = read(KEYS[1])
local flags = leased_by(v, ARGV[1])
if not flags then return 0 end
if has(flags, 1) then
  redis.call('DEL', KEYS[1])
  return 1
end
local time, back_off = now(), tonumber(ARGV[2])
if back_off > 0 then
  redis.call('SETRANGE', KEYS[1], 16, none .. pack48(time + back_off))
else
  redis.call('SET', KEYS[1],
    string.sub(v, 1, 1) .. string.char(flags - 2) .. string.sub(v, 3, 16) .. string.sub(v, 37), 'KEEPTTL')
end
live_until(KEYS[1], unpack48(v, 31), back_off, time)
return 1
`
)

/** Prolongs the token's lease. KEYS: key. ARGV: token, duration in ms. Returns 1 or 0. */
export const renew = script(
  "renew",
  isFlag,
  `
if not leased_by(read(KEYS[1]), ARGV[1]) then return 0 end
redis.call('SETRANGE', KEYS[1], 24, pack48(now() + ARGV[2]))
outlast(KEYS[1], ARGV[2])
return 1
`
)

/**
 * Compare-and-set. KEYS: key. ARGV: identity of what was seen, kind, delete (1 or 0), bytes, life in ms or ''.
 * Returns {1} if it was done, else {0, the stored value}.
 */
export const swap = script(
  "swap",
  isSwap,
  `
local v = read(KEYS[1])
if identity(v, ARGV[2]) ~= ARGV[1] then return {0, v} end
if ARGV[3] ~= '1' then
  set(KEYS[1], ARGV[4], ARGV[5])
elseif not (is_hold(v) and last_end(v) > now()) then
  -- what is to be absent is so under a hold, which stays
  redis.call('DEL', KEYS[1])
end
return {1}
`
)

/**
 * A new life. KEYS: key. ARGV: identity of what was seen, kind, fresh until (6 bytes), life in ms or '', life of a lease in
 * ms. Returns 1 or 0.
 */
export const touch = script(
  "touch",
  isFlag,
  `
local key, life = KEYS[1], ARGV[4]
local v = read(key)
local there = identity(v, ARGV[2])
if there == '' or there ~= ARGV[1] then return 0 end
local least = 0
if ARGV[2] == 'entry' then
  redis.call('SETRANGE', key, 9, ARGV[3])
  if has(string.byte(v, 2), 2) then
    local time = now()
    redis.call('SETRANGE', key, 30, pack48(life == '' and 0 or time + life))
    -- a load that comes late finds its lease as it would have without this
    local left = redis.call('PTTL', key)
    local needed = string.sub(v, 17, 24) == none and unpack48(v, 25) - time or tonumber(ARGV[5])
    least = left < 0 and needed or math.min(left, needed)
  end
end
if life == '' then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIRE', key, text(math.max(tonumber(life), least)))
end
return 1
`
)

/**
 * Ends an entry's fresh life, and any lease. KEYS: key. ARGV: write id, windows in ms or ''. Returns what was there up to its
 * payload, '' if there was nothing.
 */
export const expire = script(
  "expire",
  isBytes,
  `
local v = read(KEYS[1])
local flags = v and flags_of(v)
if not flags or is_hold(v) then return v or '' end
local head = string.sub(v, 1, tags_end(v, flags) or #v)
if has(flags, 1) then
  redis.call('DEL', KEYS[1])
  return head
end
local leased = has(flags, 2)
local time, fresh_until, finish = now(), unpack48(v, 10), 0
if leased then
  finish = unpack48(v, 31)
else
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 then finish = time + left end
end
-- what is late already stays as late as it is
if fresh_until == 0 or fresh_until > time then
  fresh_until = time
  if ARGV[2] ~= '' then
    local windows = time + ARGV[2]
    if finish == 0 or windows < finish then finish = windows end
  end
end
if finish ~= 0 and finish <= time then
  redis.call('UNLINK', KEYS[1])
  return head
end
if leased then flags = flags - 2 end
-- its write id is no turn any more
if has(flags, 32) then flags = flags - 32 end
if not has(flags, 64) then flags = flags + 64 end
redis.call('SET', KEYS[1], string.sub(v, 1, 1) .. string.char(flags) .. string.sub(v, 3, 4) .. ARGV[1]
  .. pack48(fresh_until) .. string.sub(v, 16, 16) .. string.sub(v, leased and 37 or 17), 'KEEPTTL')
live_until(KEYS[1], finish, 0, time)
return head
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

/**
 * Epochs, made if there are none, one after the other. KEYS: keys. ARGV: for each a candidate, a least life in ms or
 * '', whether a hold that has run out counts as missing (1 or 0). Returns the epochs, or the holds that are there.
 */
export const ensureEpochs = script(
  "ensureEpochs",
  areBytes,
  `
local function ensure(key, candidate, life, revive)
  local v = read(key)
  if is_hold(v) and not (revive == '1' and last_end(v) <= now()) then return v end
  if not v or (#v ~= 8 and #v ~= 14) then
    set(key, candidate, life)
    return candidate
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then
    if life == '' then
      redis.call('PERSIST', key)
    elseif left < tonumber(life) then
      redis.call('PEXPIRE', key, life)
    end
  end
  return string.sub(v, 1, 8)
end

local epochs = {}
for i, key in ipairs(KEYS) do epochs[i] = ensure(key, ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]) end
return epochs
`
)

/**
 * Replaces existing epochs, one after the other, for the rest of their lives. KEYS: keys. ARGV: for each an epoch, and
 * expire (1 or 0): increment the counter of the existing epoch, if it is not full. Returns how many there were.
 *
 * An epoch is deleted before it is written anew: after a command that takes no memory, a script's commands are not
 * refused when memory is full (https://redis.io/docs/latest/develop/programmability/eval-intro, "Eval flags").
 */
export const replaceEpochs = script(
  "replaceEpochs",
  isCount,
  `
local replaced = 0
for i, key in ipairs(KEYS) do
  local v, epoch = read(key), ARGV[2 * i - 1]
  if v and not is_hold(v) then
    if ARGV[2 * i] == '1' and (#v == 8 or #v == 14) then
      local count = unpack(v, 7, 2) + 1
      if count < 65536 then epoch = string.sub(v, 1, 6) .. pack(count, 2) .. pack48(now()) end
    end
    local left = redis.call('PTTL', key)
    redis.call('DEL', key)
    set(key, epoch, left < 0 and '' or text(math.max(left, 1)))
    replaced = replaced + 1
  end
end
return replaced
`
)

export const all: ReadonlyArray<Script<unknown>> = [
  lease,
  fill,
  release,
  renew,
  swap,
  touch,
  expire,
  increment,
  remove,
  discard,
  take,
  ensureEpochs,
  replaceEpochs,
  sweepKeys,
  sweepPage,
  hold,
  endHold
]
