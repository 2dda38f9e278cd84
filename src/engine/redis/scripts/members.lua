-- Lists a set of users (see add.lua), or the sessions of one of them.
--
-- KEYS: the set
-- ARGV: user (empty: all), limit
--
-- Returns: users, sessions, then for each member user, info, sessions of the
-- user, session.

local limit = tonumber(ARGV[2])
local reply = { 0, 0 }

local function entry(text, pos)
    local w = string.byte(text, pos + 16)
    local stop = pos + 19 + w + struct.unpack('>I2', text, pos + 17 + w)
    return string.sub(text, pos, pos + 15),
           string.sub(text, pos + 19 + w, stop - 1), stop
end

local function put(user, info, n, session)
    local i = #reply
    reply[i + 1], reply[i + 2] = user, info
    reply[i + 3], reply[i + 4] = n, session
end

local function count(text)
    local n, pos, _ = 0, 1, nil
    while pos <= #text do
        _, _, pos = entry(text, pos)
        n = n + 1
    end
    return n
end

if ARGV[1] ~= '' then
    local text = redis.call('HGET', KEYS[1], ARGV[1])
    if not text then return reply end

    local n, pos = count(text), 1
    reply[1], reply[2] = 1, n

    while pos <= #text and (#reply - 2) / 4 < limit do
        local session, info
        session, info, pos = entry(text, pos)
        put(ARGV[1], info, n, session)
    end

    return reply
end

reply[1] = math.max(redis.call('HLEN', KEYS[1]) - 1, 0)
reply[2] = tonumber(redis.call('HGET', KEYS[1], '') or 0)

local cursor, seen = '0', {}

while limit > 0 do
    local part = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', limit + 1)
    local all = part[2]
    cursor = part[1]

    for i = 1, #all, 2 do
        if all[i] ~= '' and not seen[all[i]] and (#reply - 2) / 4 < limit then
            local session, info = entry(all[i + 1], 1)
            seen[all[i]] = true
            put(all[i], info, count(all[i + 1]), session)
        end
    end

    if cursor == '0' or (#reply - 2) / 4 >= limit then break end
end

return reply
