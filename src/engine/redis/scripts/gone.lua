-- A worker is no more: it has said so, or all that it had is reaped.
--
-- KEYS: workers, those that are being reaped
-- ARGV: worker

redis.call('HDEL', KEYS[2], ARGV[1])

return redis.call('ZREM', KEYS[1], ARGV[1])
