-- Removes whatever the keys name, and lets nothing be stored in its place until the writer opens it. KEYS: of each entry
-- its key, its fence and its lease, then of each tag its key and its fence. ARGV: how many entries there are, the
-- writer's mark, and how long it stands. Returns how many of the entries there were, and 1.
local now, mark = now(), '!' .. ARGV[2]

local function close(fence)
  standing(fence, now)
  redis.call('ZADD', fence, mark_score(now + ARGV[3]), mark)
  redis.call('ZREM', fence, 'was', 'cut')
  keep(fence)
end

return {remove_all(tonumber(ARGV[1]), #KEYS, close), 1}
