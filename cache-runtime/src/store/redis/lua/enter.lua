-- The first part of a fence, where its keys are on two servers. KEYS: fence. ARGV: writer id, the fence's TTL.
local now = now()
return enter(KEYS[1], ARGV[1], now + ARGV[2], now)
