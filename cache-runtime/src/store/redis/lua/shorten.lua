-- The last part of such a fence. KEYS: entry or tag. ARGV: what it must not outlive. Nobody remembers when it would
-- have expired: if the write is refused, it keeps the shorter TTL.
if ends(KEYS[1], now()) > tonumber(ARGV[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
