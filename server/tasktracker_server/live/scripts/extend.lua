-- Raises the block of numbers a live task may use; PostgreSQL has already written it down.
-- KEYS: live; ARGV: block limit, ticket the log must have been seeded under
local L = redis.call('HMGET', KEYS[1], 'lim', 'g')
if L[1] and L[2] == ARGV[2] and tonumber(ARGV[1]) > tonumber(L[1]) then
  redis.call('HSET', KEYS[1], 'lim', ARGV[1])
  redis.call('HDEL', KEYS[1], 'full')
end
return {'OK'}
