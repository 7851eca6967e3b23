-- KEYS: entry, lease, fence. ARGV: nonce, the lease's TTL, how the entry begins that the reader has seen, and how long
-- an entry must still have, but for fences, to be fresh (-1: the reader can't use it however fresh it is).
local now = now()
local first = standing(KEYS[3], now)
local entry = redis.pcall('GETRANGE', KEYS[1], 0, 511)
if type(entry) == 'string' and entry ~= '' then
  if entry ~= ARGV[3] then return {'filled', ''} end
  if first and ARGV[4] ~= '-1' then
    local natural = natural_end(KEYS[3], ends(KEYS[1], now))
    if natural - now > tonumber(ARGV[4]) then
      return {'fresh', string.format('%.0f', natural - now)}
    end
  end
end
if is_closed(first, now) then return {'closed', ''} end
local holder = read(KEYS[2])
if holder then
  local ttl = redis.call('PTTL', KEYS[2])
  -- A lease with a longer TTL than any of ours is not one.
  if ttl >= 0 and ttl <= tonumber(ARGV[2]) then return {'busy', holder} end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'granted', string.format('%.0f', first and first - CLOSING or 0)}
