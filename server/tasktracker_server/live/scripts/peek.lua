-- Reads what a task's end must carry into PostgreSQL; changes nothing.
-- KEYS: live, progress; ARGV: max bytes
-- Answers how the log was found, whether it is this incarnation's, what PostgreSQL held at its seed.
local L = redis.call('HMGET', KEYS[1], 's', 'hu', 'lb', 'inc')
if not L[2] then return {'NONE', 0, 0} end
local same = L[4] == INCARNATION and 1 or 0
if tonumber(L[3]) > tonumber(ARGV[1]) then return {'BIG', same, tonumber(L[2])} end
return {'OK', same, tonumber(L[2]), unpack(redis.call('LRANGE', KEYS[2], 0, 6999))}
