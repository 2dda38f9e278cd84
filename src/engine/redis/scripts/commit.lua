-- Writes a document, if one is given, and publishes events: all or nothing.
--
-- KEYS: the document, if given; then for each channel its hash and its history
-- ARGV: PUBLISH or SPUBLISH, a fresh epoch, most events, most octets, longest
-- age of a history (ms), life of a channel's hash (ms), 1 for a document (0:
-- none, and none of the next six), expected version, 1 if there is a value,
-- value, ttl, not after, step; then for each event the number of its channel
-- (from 1), its kind, its body, and for the last three kinds epoch, offset and
-- time.  Kinds: r (reliable), u (the same, unless it is among the newest
-- already: it is sent again), v (volatile), c (carried), q (carried, and not
-- delivered where the channel begins with it), p (a position).
--
-- Returns: status, time, version and value (of a document); then epoch and
-- offset of each event; with status -5 and no document: the failed event, from
-- 0, and the channel's offset.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local fresh = ARGV[2]
local most, bytes, age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = { 0, now, 0, '' }
local keys, arg = 0, 8
local channels = {}

local function open(i)
    local c = channels[i]
    if c then return c end

    local ck = KEYS[keys + 2 * i - 1]
    local f = redis.call('HMGET', ck, 'e', 'o', 'b')
    c = { key = ck, list = KEYS[keys + 2 * i], epoch = f[1],
          offset = tonumber(f[2] or 0), bytes = tonumber(f[3] or 0),
          kept = {}, out = {} }
    channels[i] = c
    return c
end

local function begin(c, epoch, offset)
    c.epoch, c.offset, c.bytes = epoch, offset, 0
    c.wipe, c.dirty = true, true
end

local function record(c, offset, time, body)
    return struct.pack('>I4', #body + 28) .. (c.epoch or fresh)
           .. struct.pack('>I8I8', offset, time) .. body
end

local function append(c, body, time, quiet)
    if not c.epoch then begin(c, fresh, 0) end

    c.offset = c.offset + 1
    local rec = record(c, c.offset, time, body)
    c.kept[#c.kept + 1] = rec
    c.dirty = true

    if not quiet then c.out[#c.out + 1] = rec end
end

local function there(c, body)
    for _, rec in ipairs(redis.call('LRANGE', c.list, -16, -1)) do
        if string.sub(rec, 29) == body then
            return struct.unpack('>I8', rec, 13)
        end
    end
end

-- false: there is a gap before it

local function carry(c, kind, body, epoch, offset, time)
    if c.epoch ~= epoch then
        begin(c, epoch, kind == 'p' and offset or offset - 1)
        c.kept, c.out = {}, {}
    end

    if kind == 'p' or offset <= c.offset then return true end
    if offset > c.offset + 1 then return false end

    -- who listens to a channel that goes on has not heard it

    append(c, body, time, kind == 'q' and c.wipe)
    return true
end

local function drop(c)
    c.bytes = c.bytes - #redis.call('LPOP', c.list)
    c.n = c.n - 1
end

local function keep(c)
    local size = 0

    for _, rec in ipairs(c.kept) do
        size = size + #rec
        c.n = redis.call('RPUSH', c.list, rec)
    end

    c.bytes = (c.n == #c.kept and 0 or c.bytes) + size

    while c.n > most or (c.bytes > bytes and c.n > 1) do drop(c) end

    if c.offset % 16 == 0 then
        while c.n > 1 do
            local first = redis.call('LINDEX', c.list, 0)
            if struct.unpack('>I8', first, 21) >= now - age then break end
            drop(c)
        end
    end

    redis.call('PEXPIRE', c.list, age)
end

local function close(c)
    if c.wipe then redis.call('DEL', c.list) end
    if #c.kept > 0 then keep(c) end

    if c.dirty then
        redis.call('HSET', c.key, 'e', c.epoch, 'o', c.offset, 'b', c.bytes)
        redis.call('PEXPIRE', c.key, ARGV[6])
    end

    if #c.out > 0 then
        redis.call(ARGV[1], c.key, table.concat(c.out))
    end
end

if ARGV[7] == '1' then
    local doc = redis.call('HMGET', KEYS[1], 'v', 't')
    local version = tonumber(doc[1] or 0)
    local not_after = tonumber(ARGV[12])

    if version ~= tonumber(ARGV[8]) then
        return { -5, now, version, doc[2] or '' }
    end

    if not_after > 0 and now >= not_after then
        return { -6, now, version, '' }
    end

    if ARGV[9] == '1' then reply[3] = version + ARGV[13] end

    keys, arg = 1, 14
end

local nth = 0

while arg <= #ARGV do
    local c = open(tonumber(ARGV[arg]))
    local kind, body = ARGV[arg + 1], ARGV[arg + 2]
    local offset = 0
    arg = arg + 3

    if kind == 'r' then
        append(c, body, now)
        offset = c.offset

    elseif kind == 'u' then
        offset = there(c, body)

        if not offset then
            append(c, body, now)
            offset = c.offset
        end

    elseif kind == 'v' then
        c.out[#c.out + 1] = record(c, 0, now, body)

    else
        offset = tonumber(ARGV[arg + 1])

        if not carry(c, kind, body, ARGV[arg], offset,
                     tonumber(ARGV[arg + 2]))
        then
            return { -5, now, nth, c.offset }
        end

        arg = arg + 3
    end

    reply[#reply + 1] = c.epoch or fresh
    reply[#reply + 1] = offset
    nth = nth + 1
end

if keys == 0 then
    -- no document

elseif reply[3] == 0 then
    redis.call('DEL', KEYS[1])

else
    redis.call('HSET', KEYS[1], 'v', reply[3], 't', ARGV[10])

    if ARGV[11] == '0' then
        redis.call('PERSIST', KEYS[1])
    else
        redis.call('PEXPIRE', KEYS[1], ARGV[11])
    end
end

for _, c in pairs(channels) do close(c) end

return reply
