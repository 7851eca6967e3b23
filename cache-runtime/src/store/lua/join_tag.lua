-- KEYS: tag, its fence. ARGV: a nonce if there is none, the entry's life.
local now = now()
local nonce = read(KEYS[1])
local cap = standing(KEYS[2], now)
if not nonce or #nonce ~= 32 or nonce:find('%X') then
  nonce = ARGV[1]
  redis.call('SET', KEYS[1], nonce, 'PX', ARGV[2])
  if cap then shorten(KEYS[1], cap, now) end
elseif not cap and ends(KEYS[1], now) < now + ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return nonce
