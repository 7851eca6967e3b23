-- Removes at one moment whatever the keys name. KEYS: of each entry its key, its fence and its lease, then of each tag
-- its key and its fence, and last the sweeps, if some are over now. ARGV: how many entries there are, the writer id
-- (empty where there is no writer), the TTL of a fence that the writer leaves behind, or 0, what each of its fences must have
-- left at most, since it must have stood for the rest (-1 where that does not matter), and the sweeps that are over. Returns
-- how many of the entries there were, and whether all of these sweeps were still known and the fences so old.
local now, writer_id, renewed = now(), ARGV[2], tonumber(ARGV[3])
local left, stood = tonumber(ARGV[4]), true

local function settle(fence)
  if writer_id == '' then return end
  local stands = standing(fence, now)
  if not has_stood(fence, writer_id, left, now) then stood = false end
  if renewed > 0 then
    enter(fence, writer_id, now + renewed)
    remember(fence, 0, 0)
  elseif stands then
    redis.call('ZREM', fence, writer_id, 'was', 'cut')
  end
end

local sweeps = #ARGV > 4 and KEYS[#KEYS]
local removed = remove_all(tonumber(ARGV[1]), sweeps and #KEYS - 1 or #KEYS, settle)
local all = not sweeps or unregister(sweeps, now, ARGV, 5)
return {removed, all and stood and 1 or 0}
