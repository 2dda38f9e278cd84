-- Where channels stand, for a worker that is subscribed to them; they live on.
--
-- KEYS: the channels' hashes
-- ARGV: a fresh epoch, life of a channel's hash (ms), worker; for each channel
-- the worker's subscribers, and the epoch and offset that it knows
--
-- Returns for each channel that stands elsewhere its number (from 1), epoch
-- and offset.

local reply = {}

for i, key in ipairs(KEYS) do
    local f = redis.call('HMGET', key, 'e', 'o')
    local epoch, offset = f[1], tonumber(f[2] or 0)

    if not epoch then
        epoch = ARGV[1]
        offset = 0
        redis.call('HSET', key, 'e', epoch, 'o', 0, 'b', 0)
    end

    redis.call('HSET', key, 's' .. ARGV[3], ARGV[3 * i + 1])
    redis.call('PEXPIRE', key, ARGV[2])

    if epoch ~= ARGV[3 * i + 2] or offset ~= tonumber(ARGV[3 * i + 3]) then
        reply[#reply + 1] = i
        reply[#reply + 1] = epoch
        reply[#reply + 1] = offset
    end
end

return reply
