-- KEYS: entry, lease, staging key. ARGV: nonce, the end of the earliest fence that stood when the load began
-- (0 for none).
if read(KEYS[2]) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[3])
  return 0
end
redis.call('UNLINK', KEYS[2])
local now, cap = now(), tonumber(ARGV[2])
if cap > 0 and cap < now then
  redis.call('UNLINK', KEYS[3])
  return 0
end
if redis.pcall('RENAME', KEYS[3], KEYS[1]).err then return 0 end
if cap > 0 then shorten(KEYS[1], cap, now) end
return 1
