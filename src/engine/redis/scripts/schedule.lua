-- Schedules a job, or takes it off.
--
-- KEYS: jobs by time, their payloads, their due times and claims
-- ARGV: key, payload, due (ms since the epoch; 0: off)

redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])

if ARGV[3] ~= '0' then
    redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
    redis.call('HSET', KEYS[3], ARGV[1], ARGV[3] .. ':0:')
end

return 0
