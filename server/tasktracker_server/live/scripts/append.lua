-- Numbers, stores and publishes entries of a live task; or says what keeps it from doing so.
-- KEYS: live, seq, progress
-- ARGV: attempt|'', worker|'', max entries, max bytes, channel of the task, ticket nonce,
--       first own number|'', final 0|1, task id, what the channel of its type's entries begins with, json...
-- `final`: the entries come with the end of the task. PostgreSQL takes them where there is no log yet.
-- An entry is stored as number|ms|attempt|json. INCARNATION is set in front of every script.
local live, seq, progress = KEYS[1], KEYS[2], KEYS[3]
local HEAD = 10 -- arguments before the entries
local attempt, worker = ARGV[1], ARGV[2]
local L = redis.call('HMGET', live, 's', 'a', 'w', 'lim', 'inc', 'v', 'n', 'b', 'lb', 'c', 'k',
  'ls', 'ty', 'full')
local state, current, ticket = L[1], tonumber(L[2]), L[11]
local cancelled, lease = L[10] or '0', L[12] or '0'
local nonce = INCARNATION .. ':' .. ARGV[6]

local function ask(what)
  -- A ticket made under another incarnation came back with older data: it may have been spent.
  if not ticket or string.sub(ticket, 1, #INCARNATION) ~= INCARNATION then
    ticket = nonce
    redis.call('HSET', live, 'k', ticket)
  end
  return {what, ticket}
end

if (not state or state == 't') and ARGV[8] == '1' then return {'SEED', ''} end
if not state then
  redis.call('HSET', live, 's', 't', 'k', nonce)
  redis.call('PEXPIRE', live, 600000)
  return {'SEED', nonce}
end
if state == 't' then return ask('SEED') end
if state == 'x' then return {'ENDED'} end
if L[5] ~= INCARNATION then return ask('SEED') end
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
if ms > tonumber(L[6]) or (attempt ~= '' and tonumber(attempt) > current) then return ask('VERIFY') end
if attempt ~= '' and tonumber(attempt) < current then return {'STALE', current} end
if state == 'p' then return {'PARKED', current} end
if worker ~= '' and L[3] ~= '' and L[3] ~= worker then return {'NOT_WORKER'} end

local count, skip, last_ms = #ARGV - HEAD, 0, ms
local last = tonumber(redis.call('GET', seq) or '0')
local own = tonumber(ARGV[7])
if own then
  if own > last + 1 then return {'SEQ_GAP', last + 1} end
  skip = math.min(count, last + 1 - own)
  if skip > 0 then
    -- Numbers in the list have no holes (a new seed starts it afresh), so a number's place is known.
    local head = redis.call('LINDEX', progress, 0)
    local at = head and own - tonumber(string.match(head, '^%d+')) or -1
    if at < 0 then
      -- Below the list is what was lost, or what PostgreSQL took over from an older state of it.
      return {skip == count and 'OLDER' or 'SEQ_GAP', last + 1, current, cancelled, lease}
    end
    for _, entry in ipairs(redis.call('LRANGE', progress, at, at + skip - 1)) do
      local entry_ms, entry_attempt = string.match(entry, '^%d+|(%d+)|(%d+)|')
      if tonumber(entry_attempt) ~= current then return {'SEQ_GAP', last + 1} end
      last_ms = tonumber(entry_ms)
    end
    if skip == count then return {'OK', own, own + count - 1, last_ms, cancelled, lease, current} end
  end
end

local new = count - skip
local bytes = 0
for i = HEAD + 1 + skip, #ARGV do bytes = bytes + #ARGV[i] end
if tonumber(L[7]) + new > tonumber(ARGV[3]) or tonumber(L[8]) + bytes > tonumber(ARGV[4]) then
  return {'FULL'}
end
-- Once one has to wait for the next block all behind it wait too, or they would overtake it.
if L[14] or last + new > tonumber(L[4]) then
  redis.call('HSET', live, 'full', 1)
  return {'BLOCK', new}
end

local entries = {}
for i = 1, new do
  entries[i] = string.format('%d|%d|%d|', last + i, ms, current) .. ARGV[HEAD + skip + i]
end
redis.call('RPUSH', progress, unpack(entries))
redis.call('SET', seq, last + new)
redis.call('HSET', live, 'n', L[7] + new, 'b', L[8] + bytes, 'lb', L[9] + bytes)
-- The same is told to those who follow the task, and to those who follow all tasks of its type.
local kind = L[13] or ''
local told = 'P' .. ARGV[9] .. '|' .. kind .. '\n' .. table.concat(entries, '\n')
redis.call('PUBLISH', ARGV[5], told)
redis.call('PUBLISH', ARGV[10] .. kind, told)
return {'OK', own or last + 1, last + new, ms, cancelled, lease, current}
