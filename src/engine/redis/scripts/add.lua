-- Adds a session to a set of users.
--
-- A set is a hash: each user's sessions, newest first, as session (16 octets),
-- length and name of its worker, length and text of its info; the field with
-- the empty name counts all sessions.
--
-- KEYS: the set, and where it has the same node the worker's sessions
-- ARGV: user, session, worker, info, most sessions (0: any), what the worker's
-- sessions list it as
--
-- Returns: 0 or -5 (has the most), the user's sessions, users, 1 if it came.

local old = redis.call('HGET', KEYS[1], ARGV[1])
local n, there, pos = 0, false, 1
local kept = {}

while old and pos <= #old do
    local w = string.byte(old, pos + 16)
    local stop = pos + 19 + w + struct.unpack('>I2', old, pos + 17 + w)

    if string.sub(old, pos, pos + 15) == ARGV[2] then
        there = true
    else
        kept[#kept + 1] = string.sub(old, pos, stop - 1)
        n = n + 1
    end

    pos = stop
end

local most = tonumber(ARGV[5])

if not there and most > 0 and n >= most then
    return { -5, n, redis.call('HLEN', KEYS[1]) - 1, 0 }
end

redis.call('HSET', KEYS[1], ARGV[1],
           ARGV[2] .. string.char(#ARGV[3]) .. ARGV[3]
           .. struct.pack('>I2', #ARGV[4]) .. ARGV[4] .. table.concat(kept))

if not there then
    redis.call('HINCRBY', KEYS[1], '', 1)
end

if KEYS[2] then
    redis.call('SADD', KEYS[2], ARGV[6])
end

return { 0, n + 1, redis.call('HLEN', KEYS[1]) - 1, old and 0 or 1 }
