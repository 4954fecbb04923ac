-- The latest entry of a live log, unless it is long.
-- KEYS: live, progress; ARGV: max bytes
-- Answers: state ('' where there is no log), the entry's number (0 without one), the entry or ''
local state = redis.call('HGET', KEYS[1], 's') or ''
local entry = redis.call('LINDEX', KEYS[2], -1)
if not entry then return {state, 0, ''} end
local number = tonumber(string.match(entry, '^%d+'))
return {state, number, #entry <= tonumber(ARGV[1]) and entry or ''}
