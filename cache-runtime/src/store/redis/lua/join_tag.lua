-- KEYS: tag, its fence. ARGV: a nonce if there is none, the TTL that the tag needs, a fence's TTL.
local now = now()
local nonce = read(KEYS[1])
local cap = standing(KEYS[2], now)
local at = ends(KEYS[1], now)
-- So short a TTL may be that of a fence which is gone, of a writer who died: it must not be lengthened.
local is_spent = not cap and at <= now + ARGV[3]
if not nonce or #nonce ~= 32 or nonce:find('%X') or is_spent then
  nonce = ARGV[1]
  redis.call('SET', KEYS[1], nonce, 'PX', ARGV[2])
  if cap then shorten(KEYS[1], cap, now) end
elseif not cap and at < now + ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return nonce
