-- KEYS: sweeps. Returns those that are under way.
return sweeps_under_way(KEYS[1], now())
