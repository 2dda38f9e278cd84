-- What is known of channels; those without event and subscriber are none.
--
-- KEYS: the channels' hashes
--
-- Returns for each channel its epoch and offset, or nothing, and workers and
-- their subscribers.

local reply = {}

for i, key in ipairs(KEYS) do
    local all = redis.call('HGETALL', key)
    local one = { '', 0 }

    for j = 1, #all, 2 do
        local name, value = all[j], all[j + 1]

        if name == 'e' then
            one[1] = value
        elseif name == 'o' then
            one[2] = tonumber(value)
        elseif string.byte(name) == 115 then
            one[#one + 1] = string.sub(name, 2)
            one[#one + 1] = tonumber(value)
        end
    end

    reply[i] = one
end

return reply
