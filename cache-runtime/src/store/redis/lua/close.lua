-- Removes whatever the keys name, and lets nothing be stored in its place until the writer opens it. KEYS: of each entry
-- its key, its fence and its lease, then of each tag its key and its fence. ARGV: how many entries there are, the
-- writer's mark, and how long it stands. Returns how many of the entries there were, and 1.
local entries, mark = tonumber(ARGV[1]), '!' .. ARGV[2]
local now, removed = now(), 0

local function close(fence)
  standing(fence, now)
  redis.call('ZADD', fence, mark_score(now + ARGV[3]), mark)
  redis.call('ZREM', fence, 'was', 'cut')
  keep(fence)
end

for first = 1, entries * 3, 3 do
  redis.call('UNLINK', KEYS[first + 2])
  removed = removed + redis.call('UNLINK', KEYS[first])
  close(KEYS[first + 1])
end
for first = entries * 3 + 1, #KEYS, 2 do
  redis.call('UNLINK', KEYS[first])
  close(KEYS[first + 1])
end
return {removed, 1}
