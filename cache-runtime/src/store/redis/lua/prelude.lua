-- Shared by all scripts. Times are milliseconds of the server's clock, the only one that counts.
--
-- A fence is a sorted set: a member for each writer, whose score is when its fence ends. Beside them it remembers,
-- with negative scores, `was`: when what is cached would have expired without fences; and `cut`: the end that fences
-- have left it with. Both are void as soon as no fence stands. Below those are the marks of writers that are removing
-- what lies on several servers: until each has opened it again, nothing is stored.

local FOREVER = 8e15

-- What a fence leaves of a TTL ends so long before the fence does. In between the key is closed: no load gets its
-- lease, and no tag a nonce. So the ends of several fences act like one moment, also on servers whose clocks differ.
local CLOSING = 1000

-- Below the scores of what a fence remembers.
local MARKS = 1e16

-- A server that reads its clock anew for each command may see an end a little differently each time.
local TOLERANCE = 5

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What a string key holds. A key of another type is none of ours: it goes.
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    redis.call('UNLINK', key)
    return nil
  end
  return value or nil
end

-- When a key expires: 0 if there is none.
local function ends(key, now)
  local ttl = redis.call('PTTL', key)
  if ttl == -2 then return 0 end
  if ttl == -1 then return FOREVER end
  return now + ttl
end

local function set_end(key, at)
  if at >= FOREVER then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIREAT', key, at)
  end
end

-- The score of a mark that ends then.
local function mark_score(at)
  return string.format('%.0f', -(MARKS + at))
end

-- The earliest end of the fences that stand here, nil where none does; and whether a mark does. A fence still stands
-- in the very millisecond in which it ends, as an entry does.
local function standing(fence, now)
  local kind = redis.call('TYPE', fence).ok
  if kind == 'none' then return nil, false end
  if kind ~= 'zset' then
    redis.call('UNLINK', fence)
    return nil, false
  end
  redis.call('ZREMRANGEBYSCORE', fence, 0, '(' .. now)
  -- None of ours ends so late.
  redis.call('ZREMRANGEBYSCORE', fence, now + 3600000, '+inf')
  redis.call('ZREMRANGEBYSCORE', fence, '(' .. mark_score(now), mark_score(0))
  local is_marked = redis.call('ZRANGEBYSCORE', fence, '-inf', mark_score(now), 'LIMIT', 0, 1)[1] ~= nil
  local first = redis.call('ZRANGEBYSCORE', fence, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if first[2] then return tonumber(first[2]), is_marked end
  if is_marked then
    redis.call('ZREM', fence, 'was', 'cut')
  else
    redis.call('UNLINK', fence)
  end
  return nil, is_marked
end

-- Whether a writer's fence stands, and has so much left at most; -1 stands for whatever it has. One that was evicted may be
-- there again, from a command that came late.
local function has_stood(fence, writer_id, left, now)
  if left < 0 then return true end
  local at = redis.call('ZSCORE', fence, writer_id)
  return at and tonumber(at) >= now and at - now <= left
end

-- Whether nothing may be stored here now: a mark stands, or the fences leave no time to it.
local function is_closed(first, is_marked, now)
  return is_marked or (first and first - CLOSING <= now)
end

-- A fence is kept until its last member has ended.
local function keep(fence)
  local last = tonumber(redis.call('ZRANGE', fence, -1, -1, 'WITHSCORES')[2])
  local mark = tonumber(redis.call('ZRANGE', fence, 0, 0, 'WITHSCORES')[2])
  redis.call('PEXPIREAT', fence, string.format('%.0f', math.max(last, -mark - MARKS)))
end

-- Lets a writer into a fence until this moment.
local function enter(fence, writer_id, at)
  redis.call('ZADD', fence, at, writer_id)
  keep(fence)
end

-- What is told of a writer that removes what its patterns match: the members that stand in the set of all sweeps.
local function sweeps_under_way(sweeps, now)
  if redis.call('TYPE', sweeps).ok ~= 'zset' then return {} end
  return redis.call('ZRANGEBYSCORE', sweeps, now, '+inf')
end

-- Whether all these members were still there.
local function unregister(sweeps, now, members, first)
  local there = sweeps_under_way(sweeps, now)
  local stands = {}
  for _, member in ipairs(there) do stands[member] = true end
  local all = true
  for at = first, #members do
    all = all and stands[members[at]] == true
    if stands[members[at]] then redis.call('ZREM', sweeps, members[at]) end
  end
  return all
end

-- What a fence remembers of the entry.
local function remembered(fence)
  local was = redis.call('ZSCORE', fence, 'was')
  local cut = redis.call('ZSCORE', fence, 'cut')
  return was and -was or 0, cut and -cut or 0
end

-- 0 stands for nothing to remember.
local function remember(fence, was, cut)
  if was > 0 then
    redis.call('ZADD', fence, -was, 'was', -cut, 'cut')
  else
    redis.call('ZREM', fence, 'was', 'cut')
  end
end

-- When what is cached would expire without fences. An end that no fence has left speaks for itself.
local function natural_end(fence, at)
  local was, cut = remembered(fence)
  if was > 0 and math.abs(at - cut) <= TOLERANCE then return was end
  return at
end

-- Nothing outlives the fence that ends first, less the time in which it is closed.
local function cut_to(key, fence, first, now)
  local at = ends(key, now)
  if at == 0 then
    remember(fence, 0, 0)
    return
  end
  local natural, limit = natural_end(fence, at), first - CLOSING
  if at > limit then
    set_end(key, limit)
    at = limit
  end
  remember(fence, natural, at)
end

-- Removes whatever the keys name, up to the last of them: of each entry its key, its fence and its lease, then of each
-- tag its key and its fence. `settle` is told of each fence. Returns how many of the entries there were.
local function remove_all(entries, last, settle)
  local removed = 0
  for first = 1, entries * 3, 3 do
    redis.call('UNLINK', KEYS[first + 2])
    removed = removed + redis.call('UNLINK', KEYS[first])
    settle(KEYS[first + 1])
  end
  for first = entries * 3 + 1, last, 2 do
    redis.call('UNLINK', KEYS[first])
    settle(KEYS[first + 1])
  end
  return removed
end
