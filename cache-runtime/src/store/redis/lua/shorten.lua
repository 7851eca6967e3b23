-- The last part of a fence. KEYS: entry or tag. ARGV: the fence's end.
return shorten(KEYS[1], tonumber(ARGV[1]), now())
