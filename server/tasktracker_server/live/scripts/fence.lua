-- Tells the live log that a task changed hands: 'l' to a new attempt, 'p' back to the queue.
-- A late fence of an older attempt changes nothing. While somebody asks PostgreSQL ('t') the ticket stays,
-- for its purchase must not be made twice; what is remembered here keeps an older answer from seeding.
-- KEYS: live; ARGV: state, attempt, worker, lease seconds
local live, state, attempt = KEYS[1], ARGV[1], tonumber(ARGV[2])
local L = redis.call('HMGET', live, 's', 'a', 'parked')
if not L[1] or L[1] == 'x' then return {'NONE'} end
local current = tonumber(L[2] or '0')
local parked = state == 'p' and 1 or 0
if L[1] == 't' then
  if attempt > current or (attempt == current and parked == 1) then
    redis.call('HSET', live, 'a', attempt, 'parked', parked)
  end
  return {'NOTED'}
end
if attempt > current or (attempt == current and parked == 1) then
  redis.call('HSET', live, 's', state, 'a', attempt, 'w', ARGV[3], 'ls', ARGV[4])
  redis.call('HDEL', live, 'k')
  return {'OK'}
end
return {'OLD'}
