-- A document. KEYS: the document. Returns: version (0: none), text, time.

local t = redis.call('TIME')
local doc = redis.call('HMGET', KEYS[1], 'v', 't')

return { tonumber(doc[1] or 0), doc[2] or '',
         t[1] * 1000 + math.floor(t[2] / 1000) }
