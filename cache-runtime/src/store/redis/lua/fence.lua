-- KEYS: entry or tag, its fence, and an entry's lease. ARGV: writer id, the fence's TTL.
local now = now()
standing(KEYS[2], now)
enter(KEYS[2], ARGV[1], now + ARGV[2])
if KEYS[3] then redis.call('UNLINK', KEYS[3]) end
cut_to(KEYS[1], KEYS[2], standing(KEYS[2], now), now)
