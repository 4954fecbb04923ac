-- Removes the ticket of a look that found no running task, nor one that may ever run.
-- KEYS: live; ARGV: ticket
local L = redis.call('HMGET', KEYS[1], 's', 'k')
if L[1] == 't' and L[2] == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'OK'}
