-- KEYS: entry, lease, staging key, fence. ARGV: nonce, what the entry must not outlive (0 for nothing), its TTL.
if read(KEYS[2]) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[3])
  return 0
end
redis.call('UNLINK', KEYS[2])
local now, expires_by = now(), tonumber(ARGV[2])
if expires_by > 0 and expires_by <= now then
  redis.call('UNLINK', KEYS[3])
  return 0
end
if redis.pcall('RENAME', KEYS[3], KEYS[1]).err then return 0 end
local natural = now + ARGV[3]
local at = expires_by > 0 and math.min(natural, expires_by) or natural
set_end(KEYS[1], at)
local first = standing(KEYS[4], now)
if first then
  -- A load that knows of another fence than the one that stands may have read what only that one vouches for: nobody
  -- gives its TTL back.
  local knows = expires_by == first - CLOSING
  remember(KEYS[4], knows and natural or at, at)
end
return 1
