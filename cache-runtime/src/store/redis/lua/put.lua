-- A value set by hand. KEYS: entry, lease, staging key, fence. ARGV: its TTL.
redis.call('UNLINK', KEYS[2])
if redis.pcall('RENAME', KEYS[3], KEYS[1]).err then
  -- The value was evicted, or has expired. The one before it is no longer right.
  redis.call('UNLINK', KEYS[1])
  return 0
end
local now = now()
set_end(KEYS[1], now + ARGV[1])
local first = standing(KEYS[4], now)
if first then
  remember(KEYS[4], 0, 0)
  cut_to(KEYS[1], KEYS[4], first, now)
end
return 1
