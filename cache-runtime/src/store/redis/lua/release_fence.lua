-- The write was refused. KEYS: entry or tag, its fence. ARGV: writer id.
local now = now()
standing(KEYS[2], now)
-- A fence that is gone may have taken with it that of a writer who died.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return end
local was, cut = remembered(KEYS[2])
redis.call('ZREM', KEYS[2], ARGV[1])
local first = standing(KEYS[2], now)
local at = ends(KEYS[1], now)
if at == 0 or was == 0 or math.abs(at - cut) > TOLERANCE then return end
local back = first and math.min(was, first - CLOSING) or was
if back > at then
  set_end(KEYS[1], back)
  if first then remember(KEYS[2], was, back) end
end
