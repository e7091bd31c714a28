/** The scripts of operations that remove. They look at what is stored, and leave holds in place. */
import { script } from "../lua.js"
import { isBytes, isBytesOrNothing, isCount, isSwept } from "../replies.js"

/**
 * Removes the key's value, unless it is a hold. KEYS: key. Returns what was there up to its payload and some of that,
 * '' if there was nothing. A payload of megabytes is not transferred.
 */
export const remove = script(
  "remove",
  isBytes,
  `
local v = head(KEYS[1], 256)
if is_hold(v) then return v end
local flags = flags_of(v)
-- 255 tags of 255 bytes
if flags and has(flags, 4) and not tags_end(v, flags) then v = head(KEYS[1], 36 + 1 + 255 * (1 + 255 + 8)) end
redis.call('UNLINK', KEYS[1])
return v
`
)

/** Removes the keys that are not holds. KEYS: keys. Returns how many were removed. */
export const discard = script(
  "discard",
  isCount,
  `
local gone = 0
for _, key in ipairs(KEYS) do
  if not is_hold(head(key, 16)) then gone = gone + redis.call('UNLINK', key) end
end
return gone
`
)

/** Removes the key's value, unless it is a hold. KEYS: key. Returns what is or was there. */
export const take = script(
  "take",
  isBytesOrNothing,
  `
local v = read(KEYS[1])
if v and not is_hold(v) then redis.call('UNLINK', KEYS[1]) end
return v
`
)

const sweep = `
-- whether what is under a cache's key is no hold
local function is_entry(key)
  local v = redis.pcall('GETRANGE', key, 0, 15)
  -- most have not even the flag of a hold: that is seen at a glance
  if type(v) == 'string' and (string.byte(v, 2) or 0) % 32 < 16 then return true end
  return not is_hold(head(key, 16))
end

-- whether what is under a tag's key is an epoch: under another prefix such a key may be an entry's, or a counter's
local function is_epoch(key)
  local v = head(key, 15)
  return (#v == 8 or #v == 14) and identity(v, 'counter') == ''
end

-- removes keys with one command, since a call costs a script more than the removal; how many went
local function unlink(keys)
  return #keys > 0 and redis.call('UNLINK', spread(keys)) or 0
end
`

/** Sweeps these keys. KEYS: keys. ARGV: whether they are keys of tags (1 or 0). Returns how many were removed. */
export const sweepKeys = script(
  "clear",
  isCount,
  `${sweep}
local goes, gone = ARGV[1] == '1' and is_epoch or is_entry, {}
for _, key in ipairs(KEYS) do
  if goes(key) then gone[#gone + 1] = key end
end
return unlink(gone)
`
)

/**
 * Sweeps a page of all keys, on one server that has them all: a SCAN and the removals after it take one round trip.
 * ARGV: cursor, pattern, how many keys to look at, the prefixes of a cache's keys and of its tags' keys.
 * Returns the next cursor, and how many of either were removed.
 */
export const sweepPage = script(
  "clear",
  isSwept,
  `${sweep}
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3], 'TYPE', 'string')
local entries, tags = {}, {}
for _, key in ipairs(page[2]) do
  if string.sub(key, 1, #ARGV[4]) == ARGV[4] then
    if is_entry(key) then entries[#entries + 1] = key end
  elseif string.sub(key, 1, #ARGV[5]) == ARGV[5] then
    if is_epoch(key) then tags[#tags + 1] = key end
  end
end
return {page[1], unlink(entries), unlink(tags)}
`
)
