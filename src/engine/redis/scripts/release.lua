-- Gives a lease up. KEYS: the lease. ARGV: fence. Returns 0, or -5.

local f = redis.call('HMGET', KEYS[1], 'f', 'x')

if tonumber(f[1] or 0) ~= tonumber(ARGV[1]) or tonumber(f[2] or 0) == 0 then
    return -5
end

redis.call('HSET', KEYS[1], 'x', 0)

return 0
