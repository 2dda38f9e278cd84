-- What is known of channels.
--
-- KEYS: the channels' hashes; with ARGV[1] 1 then the workers (see tick.lua)
-- and those that are being reaped, and only subscribers of living ones count
--
-- Returns for each channel its epoch and offset, or nothing, and workers and
-- their subscribers.

local n = ARGV[1] == '1' and #KEYS - 2 or #KEYS
local alive = {}
local reply = {}

local function lives(id)
    if n == #KEYS then return true end

    if alive[id] == nil then
        alive[id] = redis.call('ZSCORE', KEYS[n + 1], id)
                    and redis.call('HEXISTS', KEYS[n + 2], id) == 0
                    or false
    end

    return alive[id]
end

for i = 1, n do
    local all = redis.call('HGETALL', KEYS[i])
    local one = { '', 0 }

    for j = 1, #all, 2 do
        local name, value = all[j], all[j + 1]

        if name == 'e' then
            one[1] = value
        elseif name == 'o' then
            one[2] = tonumber(value)
        elseif string.byte(name) == 115 and lives(string.sub(name, 2)) then
            one[#one + 1] = string.sub(name, 2)
            one[#one + 1] = tonumber(value)
        end
    end

    reply[i] = one
end

return reply
