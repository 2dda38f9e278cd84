-- What a dead worker has claimed is due again.
--
-- KEYS: as in schedule.lua
-- ARGV: worker

local all = redis.call('HGETALL', KEYS[3])

for i = 1, #all, 2 do
    local due, worker = string.match(all[i + 1], '^(%d+):%d+:(.*)$')

    if worker == ARGV[1] then
        redis.call('ZADD', KEYS[1], due, all[i])
        redis.call('HSET', KEYS[3], all[i], due .. ':0:')
    end
end

return 0
