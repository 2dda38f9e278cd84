-- Adds to a counter. KEYS: the counter. ARGV: delta, ttl (ms; 0: for ever).
-- Returns the value.

if ARGV[1] == '0' then
    return tonumber(redis.call('GET', KEYS[1]) or 0)
end

local value = redis.call('INCRBY', KEYS[1], ARGV[1])

if ARGV[2] == '0' then
    redis.call('PERSIST', KEYS[1])
else
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end

return value
