-- How many subscribers a worker has in a channel, if it still exists.
--
-- KEYS: the channel's hash
-- ARGV: worker, subscribers

if ARGV[2] == '0' then
    return redis.call('HDEL', KEYS[1], 's' .. ARGV[1])
end

if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 's' .. ARGV[1], ARGV[2])
end

return 0
