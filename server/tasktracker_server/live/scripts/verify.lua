-- Confirms who holds a live task, as PostgreSQL has just said, if the ticket of that look still holds.
-- KEYS: live; ARGV: ticket, attempt, worker, cancelled, verify after ms, lease seconds
local live = KEYS[1]
local L = redis.call('HMGET', live, 'k', 'inc', 'c', 'la', 'ls')
if L[1] ~= ARGV[1] or L[2] ~= INCARNATION then return {'AGAIN'} end
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
-- A cancel that was noted since PostgreSQL was asked stays, for it is never taken back; so does, once, another
-- length of this attempt's lease.
redis.call('HSET', live, 's', 'l', 'a', ARGV[2], 'w', ARGV[3], 'c', L[3] == '1' and 1 or ARGV[4],
  'v', ms + tonumber(ARGV[5]), 'ls', L[4] == ARGV[2] and L[5] or ARGV[6])
redis.call('HDEL', live, 'k', 'la')
return {'OK'}
