-- Removes a closed log all of whose entries PostgreSQL holds and whose debt is settled.
-- KEYS: live, seq, progress; ARGV: history upto, ord
local L = redis.call('HMGET', KEYS[1], 's', 'ord')
if L[1] ~= 'x' or (L[2] and L[2] ~= ARGV[2]) then return {'NONE'} end
local tail = redis.call('LINDEX', KEYS[3], -1)
if tail and tonumber(string.match(tail, '^%d+')) > tonumber(ARGV[1]) then return {'MORE'} end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return {'OK'}
