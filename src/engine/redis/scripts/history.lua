-- Reads a channel's history.
--
-- KEYS: the channel's hash, its history
-- ARGV: a fresh epoch, life of a channel's hash (ms), the epoch asked for (8
-- zeroes: none), since, limit, 1 for the newest, flags, the id to be before (8
-- octets, or none), worker, its subscribers (worker empty: not told)
--
-- Returns: epoch, offset, oldest offset kept (0: none), 1 if there is more,
-- then the records.

local f = redis.call('HMGET', KEYS[1], 'e', 'o')
local epoch, offset = f[1], tonumber(f[2] or 0)

if not epoch then
    epoch = ARGV[1]
    offset = 0
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'e', epoch, 'o', 0, 'b', 0)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end

if ARGV[9] ~= '' then
    redis.call('HSET', KEYS[1], 's' .. ARGV[9], ARGV[10])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end

local n = redis.call('LLEN', KEYS[2])
local first = n > 0 and offset - n + 1 or 0
local since, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local tail, flags = ARGV[6] == '1', tonumber(ARGV[7])
local claim = ARGV[3] ~= '\0\0\0\0\0\0\0\0'
local known = ARGV[3] == epoch and since <= offset
local reply = { epoch, offset, first, 0 }

if limit == 0 or n == 0 or (claim and not known and not tail) then
    return reply
end

-- positions in the list, from 0: what may be read is from .. n - 1

local from = 0

if (known or not claim) and since >= first then
    from = since - first + 1
end

local last = n - 1

if flags == 0 and not (tail and ARGV[8] ~= '') then
    if tail then
        local start = math.max(from, n - limit)
        reply[4] = start > from and 1 or 0
        from = start
    else
        reply[4] = last - from + 1 > limit and 1 or 0
        last = from + limit - 1
    end

    if from <= last then
        for _, rec in ipairs(redis.call('LRANGE', KEYS[2], from, last)) do
            reply[#reply + 1] = rec
        end
    end

    return reply
end

local CHUNK = 64
local chunk, low = {}, n

local function at(i)
    if i < low or i >= low + #chunk then
        low = tail and math.max(0, i - CHUNK + 1) or i
        chunk = redis.call('LRANGE', KEYS[2], low, low + CHUNK - 1)
    end

    return chunk[i - low + 1]
end

local function fits(rec)
    return bit.band(string.byte(rec, 30), flags) == flags
end

if not tail then
    for i = from, last do
        local rec = at(i)

        if fits(rec) then
            if #reply - 4 == limit then
                reply[4] = 1
                break
            end

            reply[#reply + 1] = rec
        end
    end

    return reply
end

-- ahead of the event with this id, or, where it is not there, below the id:
-- ids are octets that are compared in two halves

local high, rest

if ARGV[8] ~= '' then
    high, rest = struct.unpack('>I4I4', ARGV[8])

    for i = last, 0, -1 do
        local rec = at(i)

        if string.sub(rec, 33, 40) == ARGV[8] and fits(rec) then
            last = i - 1
            high = nil
            break
        end
    end
end

local found = {}

for i = last, from, -1 do
    local rec = at(i)
    local ok = fits(rec)

    if ok and high then
        local h, r = struct.unpack('>I4I4', rec, 33)
        ok = h < high or (h == high and r < rest)
    end

    if ok then
        if #found == limit then
            reply[4] = 1
            break
        end

        found[#found + 1] = rec
    end
end

for i = #found, 1, -1 do reply[#reply + 1] = found[i] end

return reply
