-- A job is done, unless it was scheduled anew meanwhile.
--
-- KEYS: as in schedule.lua
-- ARGV: key, fence

local is = redis.call('HGET', KEYS[3], ARGV[1])

if is and ARGV[2] ~= '0' and string.match(is, '^%d+:(%d+):') == ARGV[2] then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
    redis.call('HDEL', KEYS[3], ARGV[1])
end

return 0
