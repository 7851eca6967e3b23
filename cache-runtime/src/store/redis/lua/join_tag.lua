-- KEYS: tag, its fence. ARGV: a nonce if there is none, the TTL that the tag needs, a fence's TTL. Returns the tag's
-- nonce; an empty text where the tag has none and is closed.
local now = now()
local nonce = read(KEYS[1])
local first, is_marked = standing(KEYS[2], now)
local at = ends(KEYS[1], now)
-- So short a TTL may be that of a fence which is gone, of a writer who died: it must not be lengthened.
local is_spent = not first and at <= now + ARGV[3]
if not nonce or #nonce ~= 32 or nonce:find('%X') or is_spent then
  if is_closed(first, is_marked, now) then return '' end
  nonce = ARGV[1]
  redis.call('SET', KEYS[1], nonce, 'PX', ARGV[2])
  if first then
    remember(KEYS[2], 0, 0)
    cut_to(KEYS[1], KEYS[2], first, now)
  end
elseif not first and at < now + ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return nonce
