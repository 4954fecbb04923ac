-- Notes one thing about a running task in its live log, where it has one. A cancel is the task's, whichever
-- attempt the log knows: it may come before the fence of the attempt that it was asked of.
-- KEYS: live; ARGV: attempt, field, value
local live = KEYS[1]
local L = redis.call('HMGET', live, 's', 'a')
if not L[1] or L[1] == 'x' then return {'NONE'} end
if ARGV[2] ~= 'c' and L[1] ~= 't' and tonumber(L[2]) ~= tonumber(ARGV[1]) then return {'OLD'} end
redis.call('HSET', live, ARGV[2], ARGV[3])
if ARGV[2] == 'ls' then redis.call('HSET', live, 'la', ARGV[1]) end
return {'OK'}
