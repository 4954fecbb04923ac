-- Reads what a task's end must carry into PostgreSQL; changes nothing.
-- KEYS: live, progress; ARGV: max bytes, max entries
-- Answers whether all entries are here, under which ticket of this incarnation the log was seeded (''
-- where that cannot be told), and what PostgreSQL held at that seed.
local L = redis.call('HMGET', KEYS[1], 's', 'hu', 'lb', 'g', 'k')
local proof = L[1] == 't' and L[5] or L[4]
if not proof or string.sub(proof, 1, #INCARNATION) ~= INCARNATION then proof = '' end
if not L[2] then return {1, proof, 0} end
if tonumber(L[3]) > tonumber(ARGV[1]) or redis.call('LLEN', KEYS[2]) > tonumber(ARGV[2]) then
  return {0, proof, tonumber(L[2])}
end
return {1, proof, tonumber(L[2]), unpack(redis.call('LRANGE', KEYS[2], 0, -1))}
