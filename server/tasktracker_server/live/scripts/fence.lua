-- Tells the live log that a task changed hands: 'l' to a new attempt, 'p' back to the queue.
-- A late fence of an older attempt changes nothing.
-- KEYS: live; ARGV: state, attempt, worker
local live, state, attempt = KEYS[1], ARGV[1], tonumber(ARGV[2])
local L = redis.call('HMGET', live, 's', 'a')
if not L[1] or L[1] == 'x' then return {'NONE'} end
if L[1] == 't' then
  -- Somebody is asking PostgreSQL and may have read the old state: void the ticket.
  redis.call('DEL', live)
  return {'VOID'}
end
local current = tonumber(L[2])
if attempt > current or (attempt == current and state == 'p') then
  redis.call('HSET', live, 's', state, 'a', attempt, 'w', ARGV[3])
  redis.call('HDEL', live, 'k')
  return {'OK'}
end
return {'OLD'}
