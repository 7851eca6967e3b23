-- Shared by all scripts. Times are milliseconds of the server's clock, the only one that counts.

local FOREVER = 8e15

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

-- When a key ends: 0 if there is none.
local function ends(key, now)
  local ttl = redis.call('PTTL', key)
  if ttl == -2 then return 0 end
  if ttl == -1 then return FOREVER end
  return now + ttl
end

-- Returns when the key would have ended.
local function shorten(key, at, now)
  local was = ends(key, now)
  if was > at then redis.call('PEXPIREAT', key, at) end
  return was
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
  return first[2] and tonumber(first[2])
end

-- Lets a writer into a fence until this moment, which is returned.
local function enter(fence, writer_id, at, now)
  standing(fence, now)
  redis.call('ZADD', fence, at, writer_id)
  local last = redis.call('ZRANGE', fence, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', fence, last[2])
  return at
end
