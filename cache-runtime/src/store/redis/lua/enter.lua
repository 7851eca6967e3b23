-- The first part of a fence, where its keys are on two servers. KEYS: fence. ARGV: writer id, the fence's TTL. Returns
-- what the entry must not outlive.
local now = now()
standing(KEYS[1], now)
enter(KEYS[1], ARGV[1], now + ARGV[2])
return standing(KEYS[1], now) - CLOSING
