/** The time of Redis in milliseconds, which all replicas share. It is a wall clock. */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * ARGV: owner, lease, time to live, fields, tag, post until. Returns what it found, see Begun. A lease that ends later than one
 * that begins now was given before the clock was set back, and counts as over: to take over from an owner who still works
 * buys nothing, but to wait for the old time would leave the key in doubt until then.
 */
export const BEGIN = `${NOW}
local fields = redis.call('HGET', KEYS[1], 'fields')
if not fields then
  redis.call('HSET', KEYS[1], 'fields', ARGV[4], 'tag', ARGV[5], 'post_until', ARGV[6],
    'owner', ARGV[1], 'lease_until_ms', now + ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { 'fresh' }
end
if fields ~= ARGV[4] then return { 'conflict', fields } end
local response = redis.call('HGET', KEYS[1], 'response')
if response then return { 'done', response } end
local lease = tonumber(redis.call('HGET', KEYS[1], 'lease_until_ms'))
if lease > now and lease <= now + ARGV[2] then return { 'in-progress' } end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'lease_until_ms', now + ARGV[2])
return { 'recovered', redis.call('HGET', KEYS[1], 'tag'), redis.call('HGET', KEYS[1], 'post_until') }
`;

/** ARGV: owner, `lease` or the name of a member, a value. Returns 1 when the owner's creation is open and was changed. */
export const SET_IF_OWNER = `${NOW}
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'response') == 1 then return 0 end
if ARGV[2] == 'lease' then
  redis.call('HSET', KEYS[1], 'lease_until_ms', ARGV[3] == '0' and 0 or now + ARGV[3])
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
return 1
`;

/** ARGV: the response. The first one stays. */
export const COMPLETE = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[1], 'response', ARGV[1]) end
return 1
`;

/** ARGV: owner. */
export const REMOVE = `
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] and redis.call('HEXISTS', KEYS[1], 'response') == 0 then
  redis.call('DEL', KEYS[1])
end
return 1
`;
