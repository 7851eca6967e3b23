-- KEYS: entry, lease, fence, and the sweeps where they lie on this server. ARGV: the lease's token, its TTL, how the
-- entry begins that the reader has seen, how long an entry must still have, but for fences, to be fresh (-1: the reader
-- can't use it however fresh it is), and the token of a lease that is to be replaced. A grant is followed by the sweeps
-- that are under way.
local now = now()
local first, is_marked = standing(KEYS[3], now)
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
if is_closed(first, is_marked, now) then return {'closed', ''} end
local holder = read(KEYS[2])
if holder and holder ~= ARGV[5] then
  local ttl = redis.call('PTTL', KEYS[2])
  -- A lease with a longer TTL than any of ours is not one.
  if ttl >= 0 and ttl <= tonumber(ARGV[2]) then return {'busy', holder} end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
local granted = {'granted', string.format('%.0f', first and first - CLOSING or 0)}
if KEYS[4] then
  for _, sweep in ipairs(sweeps_under_way(KEYS[4], now)) do table.insert(granted, sweep) end
end
return granted
