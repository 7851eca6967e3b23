-- KEYS: fences. ARGV: the writer's mark, its id (empty where it has no fence), the TTL of a fence that it leaves behind,
-- or 0. Returns whether all marks were still there.
local now, all = now(), 1
for _, fence in ipairs(KEYS) do
  standing(fence, now)
  if redis.call('ZREM', fence, '!' .. ARGV[1]) == 0 then all = 0 end
  if tonumber(ARGV[3]) > 0 then
    enter(fence, ARGV[2], now + ARGV[3])
  elseif ARGV[2] ~= '' then
    redis.call('ZREM', fence, ARGV[2])
  end
  standing(fence, now)
end
return all
