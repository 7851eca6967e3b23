-- KEYS: sweeps. ARGV: the members that are over. Returns whether all of them were still known.
return unregister(KEYS[1], now(), ARGV, 1) and 1 or 0
