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
-- removes what is under a cache's key and no hold; how many went
local function sweep_entry(key)
  return is_hold(head(key, 16)) and 0 or redis.call('UNLINK', key)
end

-- removes what is under a tag's key and an epoch: under another prefix such a key may be an entry's, or a counter's
local function sweep_tag(key)
  local v = head(key, 15)
  return (#v == 8 or #v == 14) and identity(v, 'counter') == '' and redis.call('UNLINK', key) or 0
end
`

/** Sweeps these keys. KEYS: keys. ARGV: whether they are keys of tags (1 or 0). Returns how many were removed. */
export const sweepKeys = script(
  "clear",
  isCount,
  `${sweep}
local sweep, gone = ARGV[1] == '1' and sweep_tag or sweep_entry, 0
for _, key in ipairs(KEYS) do gone = gone + sweep(key) end
return gone
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
local entries, tags = 0, 0
for _, key in ipairs(page[2]) do
  if string.sub(key, 1, #ARGV[4]) == ARGV[4] then
    entries = entries + sweep_entry(key)
  elseif string.sub(key, 1, #ARGV[5]) == ARGV[5] then
    tags = tags + sweep_tag(key)
  end
end
return {page[1], entries, tags}
`
)
