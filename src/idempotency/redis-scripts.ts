/** The time of Redis in milliseconds, which all replicas share. */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** ARGV: owner, lease, time to live, fields, mark, post until. Answers what it met, see Begun. */
export const BEGIN = `${NOW}
local fields = redis.call('HGET', KEYS[1], 'fields')
if not fields then
  redis.call('HSET', KEYS[1], 'fields', ARGV[4], 'mark', ARGV[5], 'post_until_ms', ARGV[6],
    'owner', ARGV[1], 'lease_until_ms', now + ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { 'fresh' }
end
if fields ~= ARGV[4] then return { 'other', fields } end
local answer = redis.call('HGET', KEYS[1], 'answer')
if answer then return { 'done', answer } end
if tonumber(redis.call('HGET', KEYS[1], 'lease_until_ms')) > now then return { 'busy' } end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'lease_until_ms', now + ARGV[2])
return { 'taken', redis.call('HGET', KEYS[1], 'mark'), redis.call('HGET', KEYS[1], 'post_until_ms') }
`;

/** ARGV: owner, `lease` or the name of a member, a value. Answers 1 when the owner's creation is open and was changed. */
export const SET_IF_OWNER = `${NOW}
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'answer') == 1 then return 0 end
if ARGV[2] == 'lease' then
  redis.call('HSET', KEYS[1], 'lease_until_ms', ARGV[3] == '0' and 0 or now + ARGV[3])
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
return 1
`;

/** ARGV: the answer. The first one stays. */
export const COMPLETE = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[1], 'answer', ARGV[1]) end
return 1
`;

/** ARGV: owner. */
export const REMOVE = `
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] and redis.call('HEXISTS', KEYS[1], 'answer') == 0 then
  redis.call('DEL', KEYS[1])
end
return 1
`;
