import { RATE_CUT } from './rate-factor.ts';

/**
 * The bucket in Redis: the algorithm of local-source.ts and rate-factor.ts, on the clock of the Redis server, in one key.
 * The fields: `next`, the time of the next slot; `factor`, the rate factor at `cut`, the time of the last 429. Times are
 * milliseconds with three decimals.
 *
 * ARGV: `reserve` or `cut`, the interval in milliseconds, the burst. Returns, as strings, the milliseconds until the slot
 * (`cut`: 0) and the rate factor. A bucket that is new, because Redis came back empty, starts empty.
 */
export const BUCKET_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'next', 'factor', 'cut')
local next = tonumber(state[1]) or now + interval
local base, cut = tonumber(state[2]) or 1, tonumber(state[3]) or 0

local recovering = math.max(0, now - cut - ${RATE_CUT.holdMs})
local factor = math.min(1, base + recovering * ${RATE_CUT.recoveryPerMs})
local wait = 0

if ARGV[1] == 'cut' then
  if now < cut or now - cut >= ${RATE_CUT.pauseMs} then
    factor = math.max(${RATE_CUT.least}, factor * ${RATE_CUT.factor})
    base, cut = factor, now
  end
else
  local step = interval / factor
  if next > now + 60000 then next = now + step end
  local slot = math.max(next, now - (burst - 1) * step)
  next = slot + step
  wait = math.max(0, slot - now)
end

redis.call('HSET', KEYS[1], 'next', string.format('%.3f', next),
  'factor', string.format('%.6f', base), 'cut', string.format('%.3f', cut))
redis.call('PEXPIRE', KEYS[1], 3600000)
return { string.format('%.3f', wait), string.format('%.6f', factor) }
`;
