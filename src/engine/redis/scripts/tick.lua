-- A worker lives; it hears who else does, and of one that is dead.
--
-- KEYS: workers with the end of their lease, those that are being reaped
-- ARGV: worker, lease (ms), 1 if it does not take on the dead, the dead one it
-- is reaping (or none), the lease of that (ms), then workers whose process is
-- gone
--
-- Returns: 1 if it was known, 0 if it is new, -1 if it is taken for dead; the
-- time; the dead worker that it shall reap, or nothing; the living.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

for i = 6, #ARGV do
    if redis.call('ZSCORE', KEYS[1], ARGV[i])
       and redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0
    then
        redis.call('ZADD', KEYS[1], now - 1, ARGV[i])
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
local reaped = {}

for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do reaped[id] = true end

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if not reaped[id] then reply[#reply + 1] = id end
end

return reply
