-- Ends a task's live log for good; PostgreSQL has already committed the end.
-- KEYS: live, seq, progress
-- ARGV: history upto (in PostgreSQL), ord, max bytes of one page of the rest,
--       seed ticket of the row ('' where no number was ever issued),
--       what to leave behind: 'nothing'; 'tombstone' (a helper closes: whoever ended the task may still
--       come and must not take an absent key for a loss); 'key' (the row owes: closed again when that is settled);
--       channel of the task, channel of all changes, channel of its type's entries,
--       the final event: status, envelope, head (id|type), entries that the end itself numbered|'',
--       the last number that may have been given, where PostgreSQL holds all there is and owes nothing|'',
--       whether an earlier close may have been done whose answer was lost: 1|0
-- Answers what was found, whether that proves that nothing was lost since the last seed, the last number
-- in the list, and the entries PostgreSQL lacks. The final event is told here only when all is stored, and
-- once: a tombstone remembers it.
local DAY = 86400000
local live, seq, progress = KEYS[1], KEYS[2], KEYS[3]
local upto, page_bytes, ticket, leave = tonumber(ARGV[1]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local L = redis.call('HMGET', live, 's', 'g', 'k', 'ord', 'told', 'lost')
local state = L[1]
if state and L[4] and L[4] ~= ARGV[2] then return {'OTHER', 0, 0} end

local found = 'GONE'
local proof = state == 't' and L[3] or L[2]
local is_ours = string.sub(ticket, 1, #INCARNATION) == INCARNATION
local is_whole = proof == ticket and is_ours
-- A row is in doubt only if the log was whole before its end. The close whose answer was lost removes such a log
-- when all is stored, tells the end, and would have left a mark where the log was gone already; what is here
-- now, without entries, was made since by somebody who found none.
local was_closed = ARGV[14] == '1' and is_ours and not is_whole and not L[6]
  and redis.call('EXISTS', progress) == 0
if was_closed and state then
  redis.call('DEL', live)
  state = false
end
local proven = ticket == '' or is_whole or was_closed
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

local function tell()
  local number = math.max(upto, tonumber(ARGV[13]) or 0)
  local final = 'F' .. number .. '|' .. ARGV[9] .. '\n' .. ARGV[10]
  if ticket == '' and leave == 'tombstone' then
    -- There never was a log that could tell whether its ender has told this. Readers of the task take it once;
    -- those of many tasks would take it twice.
    redis.call('PUBLISH', ARGV[6], final)
    return
  end
  if ARGV[12] ~= '' then
    local entries = 'P' .. ARGV[11] .. '\n' .. ARGV[12]
    redis.call('PUBLISH', ARGV[6], entries)
    redis.call('PUBLISH', ARGV[8], entries)
  end
  redis.call('PUBLISH', ARGV[6], final)
  redis.call('PUBLISH', ARGV[7], ARGV[11] .. '\n' .. ARGV[10])
  if leave == 'tombstone' and state then redis.call('HSET', live, 'told', 1) end
end

if last <= upto then
  redis.call('DEL', seq, progress)
  if leave ~= 'key' and not was_closed and not L[5] and (proven or ARGV[13] ~= '') then tell() end
  if leave == 'nothing' and not proven and ARGV[13] == '' then
    -- Should this answer get lost, a log that is not there would pass for one that this has closed and told.
    -- Whoever has written the loss down removes the mark.
    redis.call('HSET', live, 's', 'x', 'ord', ARGV[2], 'lost', 1)
    redis.call('HDEL', live, 'k')
    redis.call('PEXPIRE', live, DAY)
  elseif leave == 'nothing' then
    redis.call('DEL', live)
  elseif leave == 'tombstone' and state then
    redis.call('PEXPIRE', live, L[6] and ARGV[13] == '' and DAY or 60000)
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
