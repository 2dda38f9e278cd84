-- Takes a session out of a set of users (see add.lua).
--
-- KEYS: the set, and where it has the same node the worker's sessions
-- ARGV: user, session, what the worker's sessions list it as
--
-- Returns: 0, the user's sessions, users, 1 if it went, and its info then.

if KEYS[2] then
    redis.call('SREM', KEYS[2], ARGV[3])
end

local old = redis.call('HGET', KEYS[1], ARGV[1])
local n, pos, info = 0, 1, nil
local kept = {}

while old and pos <= #old do
    local w = string.byte(old, pos + 16)
    local stop = pos + 19 + w + struct.unpack('>I2', old, pos + 17 + w)

    if string.sub(old, pos, pos + 15) == ARGV[2] then
        info = string.sub(old, pos + 19 + w, stop - 1)
    else
        kept[#kept + 1] = string.sub(old, pos, stop - 1)
        n = n + 1
    end

    pos = stop
end

if not info then
    return { 0, n, math.max(redis.call('HLEN', KEYS[1]) - 1, 0), 0 }
end

if n > 0 then
    redis.call('HSET', KEYS[1], ARGV[1], table.concat(kept))
else
    redis.call('HDEL', KEYS[1], ARGV[1])
end

if redis.call('HINCRBY', KEYS[1], '', -1) <= 0 then
    redis.call('DEL', KEYS[1])
    return { 0, n, 0, 1, info }
end

return { 0, n, redis.call('HLEN', KEYS[1]) - 1, n > 0 and 0 or 1, info }
