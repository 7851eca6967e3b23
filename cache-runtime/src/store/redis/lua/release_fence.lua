-- KEYS: entry or tag, its fence. ARGV: writer id, when the entry expired before it was fenced.
-- Whoever leaves while others stay gives the entry the TTL of the earliest fence that still stands, and
-- hands the rest over, as a member with a negative score.
local now = now()
standing(KEYS[2], now)
-- A fence that is gone may have taken with it that of a writer who died.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return end
redis.call('ZREM', KEYS[2], ARGV[1])
local was = math.max(tonumber(ARGV[2]), -(redis.call('ZSCORE', KEYS[2], 'was') or 0))
local first = standing(KEYS[2], now)
if first then
  if was > 0 then redis.call('ZADD', KEYS[2], -was, 'was') end
  was = math.min(was, first)
else
  redis.call('UNLINK', KEYS[2])
end
local at = ends(KEYS[1], now)
if at > 0 and at < was then
  if was == FOREVER then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIREAT', KEYS[1], was)
  end
end
