-- KEYS: entry or tag, its fence, and an entry's lease. ARGV: writer id, the TTL of a fence to leave behind, or 0.
if KEYS[3] then redis.call('UNLINK', KEYS[3]) end
local removed = redis.call('UNLINK', KEYS[1])
local now = now()
local stands = standing(KEYS[2], now)
if ARGV[2] ~= '0' then
  enter(KEYS[2], ARGV[1], now + ARGV[2])
  remember(KEYS[2], 0, 0)
elseif stands then
  redis.call('ZREM', KEYS[2], ARGV[1], 'was', 'cut')
end
return removed
