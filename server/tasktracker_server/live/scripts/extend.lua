-- Raises the block of numbers a live task may use; PostgreSQL has already written it down.
-- KEYS: live; ARGV: block limit
local live = KEYS[1]
local lim = redis.call('HGET', live, 'lim')
if lim and tonumber(ARGV[1]) > tonumber(lim) then redis.call('HSET', live, 'lim', ARGV[1]) end
return {'OK'}
