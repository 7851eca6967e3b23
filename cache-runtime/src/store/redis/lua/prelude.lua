-- Shared by all scripts. Times are milliseconds of the server's clock, the only one that counts.
--
-- A fence is a sorted set: a member for each writer, whose score is when its fence ends. Beside them it remembers,
-- with negative scores, `was`: when what is cached would have expired without fences; and `cut`: the end that fences
-- have left it with. Both are void as soon as no fence stands.

local FOREVER = 8e15

-- What a fence leaves of a TTL ends so long before the fence does. In between the key is closed: no load gets its
-- lease, and no tag a nonce. So the ends of several fences act like one moment, also on servers whose clocks differ.
local CLOSING = 1000

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

-- The earliest end of the fences that stand here; nil where none does. A fence still stands in the
-- very millisecond in which it ends, as an entry does.
local function standing(fence, now)
  local kind = redis.call('TYPE', fence).ok
  if kind == 'none' then return nil end
  if kind ~= 'zset' then
    redis.call('UNLINK', fence)
    return nil
  end
  redis.call('ZREMRANGEBYSCORE', fence, 0, '(' .. now)
  -- None of ours ends so late.
  redis.call('ZREMRANGEBYSCORE', fence, now + 3600000, '+inf')
  local first = redis.call('ZRANGEBYSCORE', fence, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if first[2] then return tonumber(first[2]) end
  redis.call('UNLINK', fence)
  return nil
end

-- Whether the fences leave no time to anything that would be stored now.
local function is_closed(first, now)
  return first and first - CLOSING <= now
end

-- Lets a writer into a fence until this moment.
local function enter(fence, writer_id, at)
  redis.call('ZADD', fence, at, writer_id)
  local last = redis.call('ZRANGE', fence, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', fence, last[2])
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
