-- KEYS: entry or tag, its fence, and an entry's lease. ARGV: member, the fence's life.
local now = now()
standing(KEYS[2], now)
local at = now + ARGV[2]
redis.call('ZADD', KEYS[2], at, ARGV[1])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], last[2])
if KEYS[3] then redis.call('UNLINK', KEYS[3]) end
local was = ends(KEYS[1], now)
shorten(KEYS[1], at, now)
return was
