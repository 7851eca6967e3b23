-- Removes whatever the keys name, and lets nothing be stored in its place until the writer opens it. KEYS: of each entry
-- its key, its fence and its lease, then of each tag its key and its fence. ARGV: how many entries there are, the
-- writer's mark, how long it stands, the writer id, and what each of its fences must have left at most (-1 where that does
-- not matter). Returns how many of the entries there were, and whether the fences were so old.
local now, mark, stood = now(), '!' .. ARGV[2], true

local function close(fence)
  standing(fence, now)
  if not has_stood(fence, ARGV[4], tonumber(ARGV[5]), now) then stood = false end
  redis.call('ZADD', fence, mark_score(now + ARGV[3]), mark)
  redis.call('ZREM', fence, 'was', 'cut')
  keep(fence)
end

return {remove_all(tonumber(ARGV[1]), #KEYS, close), stood and 1 or 0}
