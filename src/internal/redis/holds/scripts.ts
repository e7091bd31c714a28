/**
 * The holds of updates, as Lua (`scripts.ts` has the rest). These scripts act on many keys at a time, since an update
 * may have a thousand, but on each by itself, as all steps do.
 */
import { script } from "../lua.js"
import { isCount } from "../replies.js"

/** The common beginning of the next two. */
const holds = `
-- what a hold lists but for this token's and what is over; when that ends; whether others hold or have held; whether
-- this token's was listed
local function others(v, token, time)
  if not is_hold(v) then return '', 0, false, false end
  local list, last, shared, own = '', 0, string.byte(v, 16) ~= 0, false
  for at = 17, #v - 13, 14 do
    local claim = string.sub(v, at, at + 13)
    if string.sub(claim, 1, 8) == token then
      own = true
    else
      shared = true
      local finish = unpack48(claim, 9)
      if finish > time then
        list = list .. claim
        last = math.max(last, finish)
      end
    end
  end
  return list, last, shared, own
end

local function put(key, list, shared, life)
  redis.call('SET', key,
    '\\225\\17\\0\\0' .. string.sub(list, 1, 5) .. string.rep('\\0', 6) .. (shared and '\\1' or '\\0') .. list, 'PX', text(life))
end
`

/**
 * Lets an update hold keys. KEYS: keys. ARGV: token, duration in ms, for how many ms keys outlive their holds, whether it
 * holds already (1 or 0). Returns how many keys.
 */
export const hold = script(
  "hold",
  isCount,
  `${holds}
local token, time = ARGV[1], now()
local finish = time + ARGV[2]
for _, key in ipairs(KEYS) do
  local list, last, shared, own = others(read(key), token, time)
  -- one that is lost was not there for some time
  if ARGV[4] == '1' and not own then shared = true end
  put(key, list .. token .. pack48(finish), shared, math.max(last, finish) - time + ARGV[3])
end
return #KEYS
`
)

/**
 * Ends the holds of an update. KEYS: keys. ARGV: token, linger in ms (0: none), for how many ms keys outlive their
 * holds, whether keys that the update does not hold stay as they are (1 or 0), the value to write if no other update
 * has held, with its life in ms or '' (neither: nothing). Returns how many were written.
 */
export const endHold = script(
  "endHold",
  isCount,
  `${holds}
local token, linger, time = ARGV[1], tonumber(ARGV[2]), now()
local written = 0
for _, key in ipairs(KEYS) do
  local list, last, shared, own = others(read(key), token, time)
  if ARGV[5] and own and not shared then
    set(key, ARGV[5], ARGV[6])
    written = written + 1
  elseif own or ARGV[4] == '0' then
    if linger > 0 then
      list = list .. token .. pack48(time + linger)
      last = math.max(last, time + linger)
    end
    if list == '' then
      redis.call('UNLINK', key)
    else
      put(key, list, shared, last - time + ARGV[3])
    end
  end
end
return written
`
)
