-- Takes a dead worker's session out of a set of users (see add.lua).  A user
-- whose last one it was stays among the lost until he was announced: who does
-- that may die, too.
--
-- KEYS: the set, the set's lost users
-- ARGV: user, session, worker
--
-- Returns: 1 if the user is lost, users, his info.

local old = redis.call('HGET', KEYS[1], ARGV[1])
local n, pos, info = 0, 1, nil
local kept = {}

while old and pos <= #old do
    local w = string.byte(old, pos + 16)
    local stop = pos + 19 + w + struct.unpack('>I2', old, pos + 17 + w)

    if string.sub(old, pos, pos + 15) == ARGV[2]
       and string.sub(old, pos + 17, pos + 16 + w) == ARGV[3]
    then
        info = string.sub(old, pos + 19 + w, stop - 1)
    else
        kept[#kept + 1] = string.sub(old, pos, stop - 1)
        n = n + 1
    end

    pos = stop
end

if info then
    if n > 0 then
        redis.call('HSET', KEYS[1], ARGV[1], table.concat(kept))
    else
        redis.call('HDEL', KEYS[1], ARGV[1])
        redis.call('HSET', KEYS[2], ARGV[1], info)
        redis.call('PEXPIRE', KEYS[2], 3600000)
    end

    if redis.call('HINCRBY', KEYS[1], '', -1) <= 0 then
        redis.call('DEL', KEYS[1])
    end
end

info = redis.call('HGET', KEYS[2], ARGV[1])

if not info then return { 0, 0, '' } end

if n > 0 then
    redis.call('HDEL', KEYS[2], ARGV[1])
    return { 0, 0, '' }
end

return { 1, math.max(redis.call('HLEN', KEYS[1]) - 1, 0), info }
