-- KEYS: lease. ARGV: nonce, the lease's new TTL; 0 gives it back.
if read(KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
