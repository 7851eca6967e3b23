-- KEYS: entry, lease, fence. ARGV: nonce, the lease's TTL, how the entry begins that the reader has
-- seen and can't use.
local entry = redis.pcall('GETRANGE', KEYS[1], 0, 511)
if type(entry) == 'string' and entry ~= '' and entry ~= ARGV[3] then
  return {'filled', ''}
end
local holder = read(KEYS[2])
if holder then
  local ttl = redis.call('PTTL', KEYS[2])
  -- A lease with a longer TTL than any of ours is not one.
  if ttl >= 0 and ttl <= tonumber(ARGV[2]) then return {'busy', holder} end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'granted', tostring(standing(KEYS[3], now()) or 0)}
