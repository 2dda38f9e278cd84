-- Takes or renews a lease.  Fences come from the clock, so that they grow even
-- where the last one is forgotten.
--
-- KEYS: the lease, and where it has the same node the workers (see tick.lua)
-- and those that are being reaped
-- ARGV: worker, ttl (ms), fence to be renewed, 1 to renew only
--
-- Returns: 0 or -5 (held by another), the fence.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = redis.call('HMGET', KEYS[1], 'f', 'x', 'w')
local fence, till = tonumber(f[1] or 0), tonumber(f[2] or 0)
local renewed = ARGV[3] ~= '0' and till > 0 and tonumber(ARGV[3]) == fence

if not renewed then
    local held = till > now

    if held and KEYS[2] then
        held = redis.call('ZSCORE', KEYS[2], f[3])
               and redis.call('HEXISTS', KEYS[3], f[3]) == 0
    end

    if held or ARGV[4] == '1' then return { -5, 0 } end

    fence = math.max(fence + 1, t[1] * 1000000 + t[2])
end

redis.call('HSET', KEYS[1], 'f', fence, 'x', now + ARGV[2], 'w', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + 86400000)

return { 0, fence }
