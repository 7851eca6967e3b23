-- KEYS: entry or tag, its fence, and an entry's lease. ARGV: writer id, the fence's TTL.
local now = now()
local at = enter(KEYS[2], ARGV[1], now + ARGV[2], now)
if KEYS[3] then redis.call('UNLINK', KEYS[3]) end
return shorten(KEYS[1], at, now)
