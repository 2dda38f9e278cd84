-- Claims jobs that are due.
--
-- KEYS: as in schedule.lua, and the last fence
-- ARGV: worker, most jobs, how long a claim lasts (ms)
--
-- Returns: the time, when the next one is due (0: none), then for each job key,
-- payload, fence, due.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local reply = { now, 0 }

for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now,
                                'LIMIT', 0, ARGV[2])) do
    local due = string.match(redis.call('HGET', KEYS[3], key) or '', '^%d+')
    local fence = redis.call('INCR', KEYS[4])
    local i = #reply

    due = due or tostring(now)

    redis.call('ZADD', KEYS[1], now + ARGV[3], key)
    redis.call('HSET', KEYS[3], key, due .. ':' .. fence .. ':' .. ARGV[1])

    reply[i + 1] = key
    reply[i + 2] = redis.call('HGET', KEYS[2], key) or ''
    reply[i + 3] = fence
    reply[i + 4] = tonumber(due)
end

local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')

if next[2] then reply[2] = tonumber(next[2]) end

return reply
