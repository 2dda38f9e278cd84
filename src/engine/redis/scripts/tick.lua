-- A worker lives, and hears who else of its machine does; those whose process
-- is gone it names next time, and takes on what one of the dead has left.  And
-- its machine keeps the number that its ids have.
--
-- KEYS: workers with the end of their lease, those that are being reaped, the
-- register of numbers
-- ARGV: worker, lease (ms), 1 if it does not take on the dead, the dead one it
-- is reaping (or none), the lease of that (ms), what names of its machine
-- begin with; the number that counts for it now (or -1), 1 if that is sure, the
-- time of its last id; since when, by what it heard, there is data here (0: its
-- name is new); when it was answered last (0: never); then names whose process is
-- gone
--
-- Returns: 1 if it was known, 0 if it is new, -1 if it is taken for dead, -2 if
-- the data was lost; the time; the dead worker that it shall reap, or nothing;
-- its number (-1: none is left), 1 if that is sure, the time after which its ids
-- must be; since when there is data; the others of its machine whose lease runs.
--
-- A name that was known is not taken up again, so that a call that comes late,
-- by a connection given up since, does not hide that its members are gone.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local machine = ARGV[6]

for i = 12, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then
        redis.call('ZADD', KEYS[1], 'XX', 0, ARGV[i])
    end
end

local born = redis.call('HGET', KEYS[3], 'born')

if not born then
    born = string.format('%.0f', now)
    redis.call('HSET', KEYS[3], 'born', born)
end

local known = redis.call('ZSCORE', KEYS[1], ARGV[1])

if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1
   or (not known and ARGV[10] == born)
then
    return { -1, now, '', -1, 0, 0, tonumber(born) }
end

if not known and ARGV[10] ~= '0' then
    return { -2, now, '', -1, 0, 0, tonumber(born) }
end

redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])

if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[1], 'XX', now + ARGV[5], ARGV[4])
end

-- Leases that ended while nobody was heard do not tell who is dead: who was
-- there before, and has only now found the way again, gives the others the time
-- of a lease to do so.  A name whose process is gone (lease 0) is dead all the same.

local SILENCE = 3000

local function over()
    local r = redis.call('HMGET', KEYS[3], 'heard', 'broke', 'calm')
    local broke, calm = tonumber(r[2] or 0), tonumber(r[3] or 0)
    local last = tonumber(ARGV[11])

    if now - tonumber(r[1] or 0) > SILENCE then
        broke = now
        redis.call('HSET', KEYS[3], 'broke', broke)
    end

    local just = now - broke <= SILENCE

    if just and last > 0 and now - last > SILENCE then
        calm = broke + tonumber(ARGV[2])
        redis.call('HSET', KEYS[3], 'calm', calm)
    end

    return (just or now < calm) and 0 or now
end

local dead = ''
local ended = over()

if ARGV[3] == '0' and ARGV[4] == '' then
    local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ended,
                           'LIMIT', 0, 1)

    if old[1] then
        dead = old[1]
        redis.call('ZADD', KEYS[1], now + ARGV[5], dead)
        redis.call('HSET', KEYS[2], dead, ARGV[1])
    end
end


-- Numbers.  The register has of each "machine till last after sure": till when
-- it is kept, the time of the last id that was told of, that after which all of
-- this machine are, and whether nobody else can have it.  A machine uses its
-- number for 10 s after it was heard at most.
--
-- A register that is new, or that nobody has written to for a while, may lack
-- machines that have one: it is not trusted before they had to come back or to
-- give up.  Till then new numbers are not sure; those that count for who comes
-- back are what they were.  A number that was another's comes last, the one
-- whose ids are the oldest first, and its ids go on after those, whatever the
-- new machine's clock says.

local COUNT, KEEP, TRUST, MARGIN = 128, 60000, 15000, 640000

local function entry(text)
    local who, till, last, after, sure =
        string.match(text or '', '^(%S+) (%d+) (%d+) (%d+) ([01])$')

    return who and { who = who, till = tonumber(till), last = tonumber(last),
                     after = tonumber(after), sure = sure == '1' }
end

local function choose(trusted)
    local all, oldest = {}, nil
    local fields = redis.call('HGETALL', KEYS[3])

    for i = 1, #fields, 2 do
        local n, e = tonumber(fields[i]), entry(fields[i + 1])

        if n and e then
            all[n] = e

            if e.who == machine then
                return n, e
            end

            if e.till < now and (not oldest or e.last < all[oldest].last) then
                oldest = n
            end
        end
    end

    local start = tonumber(string.sub(machine, 1, 2), 16) or 0

    for i = 0, COUNT - 1 do
        local n = (start + i) % COUNT

        if not all[n] then
            return n, { last = 0, after = 0, sure = trusted }
        end
    end

    if oldest then
        return oldest, { last = 0, after = all[oldest].last + MARGIN,
                         sure = trusted }
    end

    return -1
end

local function claim()
    local mine, last = tonumber(ARGV[7]), tonumber(ARGV[9])
    local r = redis.call('HMGET', KEYS[3], 'since', 'heard', mine)
    local since, heard = tonumber(r[1] or 0), tonumber(r[2] or 0)
    local n, e = mine, entry(r[3])

    if math.abs(now - heard) > SILENCE then
        since = now
    end

    local trusted = now - since >= TRUST

    if mine >= 0 and not e then
        e = { last = 0, after = 0, sure = ARGV[8] == '1' }

    elseif mine < 0 or e.who ~= machine then
        n, e = choose(trusted)
    end

    redis.call('HSET', KEYS[3], 'since', since, 'heard', now)

    if n < 0 then
        return -1, 0, 0
    end

    local sure = (e.sure or trusted) and 1 or 0

    redis.call('HSET', KEYS[3], n,
               string.format('%s %.0f %.0f %.0f %d', machine, now + KEEP,
                             math.max(e.last, last), e.after, sure))

    return n, sure, e.after
end

local n, sure, after = claim()
local reply = { known and 1 or 0, now, dead, n, sure, after, tonumber(born) }

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
    if id ~= ARGV[1] and string.sub(id, 1, #machine) == machine
       and redis.call('HEXISTS', KEYS[2], id) == 0
    then
        reply[#reply + 1] = id
    end
end

return reply
