-- A worker lives, and hears who else of its machine does; those whose process
-- is gone it names next time, and takes on what one of the dead has left.
--
-- KEYS: workers with the end of their lease, those that are being reaped
-- ARGV: worker, lease (ms), 1 if it does not take on the dead, the dead one it
-- is reaping (or none), the lease of that (ms), what names of its machine
-- begin with, then names whose process is gone
--
-- Returns: 1 if it was known, 0 if it is new, -1 if it is taken for dead; the
-- time; the dead worker that it shall reap, or nothing; the others of its
-- machine whose lease runs.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local machine = ARGV[6]

for i = 7, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then
        redis.call('ZADD', KEYS[1], 'XX', now - 1, ARGV[i])
    end
end

if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
    return { -1, now, '' }
end

local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])

if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[1], 'XX', now + ARGV[5], ARGV[4])
end

local dead = ''

if ARGV[3] == '0' and ARGV[4] == '' then
    local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now,
                           'LIMIT', 0, 1)

    if old[1] then
        dead = old[1]
        redis.call('ZADD', KEYS[1], now + ARGV[5], dead)
        redis.call('HSET', KEYS[2], dead, ARGV[1])
    end
end

local reply = { known and 1 or 0, now, dead }

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
    if id ~= ARGV[1] and string.sub(id, 1, #machine) == machine
       and redis.call('HEXISTS', KEYS[2], id) == 0
    then
        reply[#reply + 1] = id
    end
end

return reply
