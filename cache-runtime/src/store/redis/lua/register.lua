-- Tells of patterns whose entries are being removed. KEYS: sweeps. ARGV: for how long, and the members. Returns how many
-- of them were not known.
local now = now()
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('UNLINK', KEYS[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
local added = 0
for at = 2, #ARGV do
  added = added + redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[at])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return added
