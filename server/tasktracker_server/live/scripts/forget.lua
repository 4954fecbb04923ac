-- Removes what is left of a task's log, unless it is that of a later task of the same id.
-- KEYS: live, seq, progress; ARGV: ord, 'settled' (only where nothing waits to be stored) | 'gone'
-- Answers 1 when nothing is left.
local L = redis.call('HMGET', KEYS[1], 's', 'ord')
if L[2] and L[2] ~= ARGV[1] then return 0 end
if ARGV[2] == 'settled' and (redis.call('EXISTS', KEYS[3]) == 1 or (L[1] and L[1] ~= 'x')) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1
