-- Ends a task's live log for good; PostgreSQL has already committed the end.
-- KEYS: live, seq, progress
-- ARGV: history upto (in PostgreSQL), ord, max bytes of one page of the rest,
--       seed ticket of the row ('' where no number was ever issued),
--       what to leave behind: 'nothing'; 'tombstone' (a helper closes: whoever ended the task may still
--       come and must not take an absent key for a loss); 'key' (the row owes: drop removes it afterwards);
--       channel of the task, channel of all changes, and the final event: status, envelope, head (id|type)
-- Answers what was found, whether that proves that nothing was lost since the last seed, the last number
-- in the list, and the entries PostgreSQL lacks. The final event is told here only when all is stored.
local live, seq, progress = KEYS[1], KEYS[2], KEYS[3]
local upto, page_bytes, ticket, leave = tonumber(ARGV[1]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local L = redis.call('HMGET', live, 's', 'g', 'k', 'ord')
local state = L[1]
if state and L[4] and L[4] ~= ARGV[2] then return {'OTHER', 0, 0} end

local found = 'GONE'
local proof = state == 't' and L[3] or L[2]
local proven = ticket == '' or (proof == ticket and string.sub(ticket, 1, #INCARNATION) == INCARNATION)
local last = 0
if state and state ~= 't' then
  found = 'CLOSED'
  local tail = redis.call('LINDEX', progress, -1)
  last = tail and tonumber(string.match(tail, '^%d+')) or 0
end
if state and (leave ~= 'nothing' or last > upto) then
  redis.call('HSET', live, 's', 'x', 'g', proof or '')
  redis.call('HDEL', live, 'k')
  redis.call('PERSIST', live)
end
if last <= upto then
  redis.call('DEL', seq, progress)
  if leave == 'nothing' then
    redis.call('DEL', live)
  elseif leave == 'tombstone' and state then
    redis.call('PEXPIRE', live, 60000)
  end
  if proven then
    redis.call('PUBLISH', ARGV[6], 'F' .. upto .. '|' .. ARGV[8] .. '\n' .. ARGV[9])
    redis.call('PUBLISH', ARGV[7], ARGV[10] .. '\n' .. ARGV[9])
  end
  return {found, proven and 1 or 0, last}
end

local first = tonumber(string.match(redis.call('LINDEX', progress, 0), '^%d+'))
local rest = {'REST', proven and 1 or 0, last}
local at, bytes = math.max(0, upto + 1 - first), 0
while bytes < page_bytes do
  local page = redis.call('LRANGE', progress, at, at + 99)
  for _, entry in ipairs(page) do
    rest[#rest + 1] = entry
    bytes = bytes + #entry
    if bytes >= page_bytes then break end
  end
  if #page < 100 then break end
  at = at + 100
end
return rest
