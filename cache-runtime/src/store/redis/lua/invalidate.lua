-- KEYS: entry or tag, its fence, and an entry's lease. ARGV: writer id.
if KEYS[3] then redis.call('UNLINK', KEYS[3]) end
local removed = redis.call('UNLINK', KEYS[1])
if standing(KEYS[2], now()) then redis.call('ZREM', KEYS[2], ARGV[1], 'was') end
return removed
