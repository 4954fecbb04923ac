-- Makes a task live, as PostgreSQL has just described it, if the ticket of that look still holds.
-- KEYS: live, seq, progress
-- ARGV: ticket, attempt, worker, first number - 1, block limit, history upto, history bytes,
--       cancelled, ord, verify after ms, drain bytes, lease seconds, task type
local live, seq, progress = KEYS[1], KEYS[2], KEYS[3]
local ticket, upto = ARGV[1], tonumber(ARGV[6])
local L = redis.call('HMGET', live, 'k', 's', 'a', 'parked', 'c', 'la', 'ls')
if L[1] ~= ticket or string.sub(ticket, 1, #INCARNATION) ~= INCARNATION then return {'AGAIN'} end
-- The task changed hands since PostgreSQL was asked.
local fenced = tonumber(L[3] or '0')
local parked = L[4] == '1' or L[2] == 'p'
if tonumber(ARGV[2]) < fenced or (tonumber(ARGV[2]) == fenced and parked) then return {'AGAIN'} end

-- Entries that came back with older data go into PostgreSQL first; they stay here until then.
local head = redis.call('LINDEX', progress, 0)
if head then
  local first = tonumber(string.match(head, '^%d+'))
  local rest = {'DRAIN'}
  local at, bytes, limit = math.max(0, upto + 1 - first), 0, tonumber(ARGV[11])
  while bytes < limit do
    local page = redis.call('LRANGE', progress, at, at + 99)
    for _, entry in ipairs(page) do
      rest[#rest + 1] = entry
      bytes = bytes + #entry
      if bytes >= limit then break end
    end
    if #page < 100 then break end
    at = at + 100
  end
  if #rest > 1 then return rest end
end

local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('DEL', progress)
redis.call('SET', seq, ARGV[4])
redis.call('HSET', live, 's', 'l', 'a', ARGV[2], 'w', ARGV[3], 'lim', ARGV[5], 'inc', INCARNATION,
  'v', ms + tonumber(ARGV[10]), 'n', ARGV[6], 'b', ARGV[7], 'lb', 0, 'c', L[5] == '1' and 1 or ARGV[8], 'hu', ARGV[6],
  'g', ticket, 'ord', ARGV[9], 'ls', L[6] == ARGV[2] and L[7] or ARGV[12], 'ty', ARGV[13])
redis.call('HDEL', live, 'k', 'parked', 'full', 'la')
redis.call('PERSIST', live)
return {'OK'}
