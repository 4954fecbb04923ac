-- Reads a live log: the newest entries, or those after a number.
-- KEYS: live, seq, progress; ARGV: 'tail' | 'after', number, max entries, max bytes
-- Answers: state, last number given, complete (1: all that was asked for is here), entries...
local state = redis.call('HGET', KEYS[1], 's')
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local size = redis.call('LLEN', KEYS[3])
if state == 'x' and size == 0 then state = false end  -- a tombstone
local found = {state or '', last, 1}
if size == 0 then return found end
local at = 0
if ARGV[1] == 'tail' then
  at = math.max(0, size - tonumber(ARGV[3]))
else
  local first = tonumber(string.match(redis.call('LINDEX', KEYS[3], 0), '^%d+'))
  at = math.max(0, tonumber(ARGV[2]) + 1 - first)
end
local bytes, count = 0, 0
while at < size do
  local page = redis.call('LRANGE', KEYS[3], at, at + 99)
  for _, entry in ipairs(page) do
    if count >= tonumber(ARGV[3]) or bytes >= tonumber(ARGV[4]) then
      found[3] = 0
      return found
    end
    count, bytes = count + 1, bytes + #entry
    found[#found + 1] = entry
  end
  at = at + 100
end
return found
