-- Notes one thing about a running task in its live log, where it has one.
-- KEYS: live; ARGV: attempt, field, value
local live = KEYS[1]
local L = redis.call('HMGET', live, 's', 'a')
if not L[1] or L[1] == 'x' then return {'NONE'} end
if L[1] ~= 't' and tonumber(L[2]) ~= tonumber(ARGV[1]) then return {'OLD'} end
redis.call('HSET', live, ARGV[2], ARGV[3])
return {'OK'}
