import { LEAST_GAP, WINDOW_MS } from './permit.ts';
import { RATE_CUT } from './rate-factor.ts';

/** All replicas see the same requests held up; the log is changed once for all that say so within this time. */
const SAME_HOLD_MS = 250;

/** A token that is due further ahead than any number of replicas explains means that the server's clock was set back. */
const MAX_AHEAD_MS = 60_000;

/**
 * The bucket in Redis: the algorithm of local-source.ts and rate-factor.ts on the clock of the Redis server, in one key.
 * The fields: `due`, when the next token is; `used`, the times of the last permits, the last one first; `factor`, the rate
 * factor at `cut`, the time of the last 429; `held`, the time of the last hold. Times are milliseconds.
 *
 * ARGV: `reserve`, `cut` or `hold`; the interval in milliseconds; the limit; the burst; the milliseconds to hold. Returns,
 * as strings, the milliseconds until the permit (0 but for `reserve`), the rate factor at the last 429, and the milliseconds
 * since then. A bucket that is new, because Redis came back empty, starts empty.
 */
export const BUCKET_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval, limit, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'due', 'used', 'factor', 'cut', 'held')
local due = tonumber(state[1]) or now + interval
local used = {}
for at in string.gmatch(state[2] or '', '%S+') do used[#used + 1] = tonumber(at) end
local base, cut, held = tonumber(state[3]) or 1, tonumber(state[4]) or 0, tonumber(state[5]) or 0

local recovering = math.max(0, now - cut - ${RATE_CUT.holdMs})
local factor = math.min(1, base + recovering * ${RATE_CUT.recoveryPerMs})
local wait = 0

if ARGV[1] == 'cut' then
  if now < cut or now - cut >= ${RATE_CUT.pauseMs} then
    factor = math.max(${RATE_CUT.least}, factor * ${RATE_CUT.factor})
    base, cut = factor, now
  end
  due = math.max(due, now + interval / factor)
elseif ARGV[1] == 'hold' then
  if now < held or now - held >= ${SAME_HOLD_MS} then
    for index, at in ipairs(used) do
      if at >= now - tonumber(ARGV[5]) and at < now then used[index] = now end
    end
    held = now
  end
else
  local step = interval / factor
  if due > now + ${MAX_AHEAD_MS} then due, used = now + step, {} end
  local at = math.max(now, due, (used[1] or 0) + step * ${LEAST_GAP}, (used[limit] or 0) + ${WINDOW_MS})
  due = math.max(due, now - (burst - 1) * step) + step
  table.insert(used, 1, at)
  used[limit + 1] = nil
  wait = at - now
end

for index, at in ipairs(used) do used[index] = string.format('%.3f', at) end
redis.call('HSET', KEYS[1], 'due', string.format('%.3f', due), 'used', table.concat(used, ' '),
  'factor', string.format('%.6f', base), 'cut', string.format('%.3f', cut), 'held', string.format('%.3f', held))
redis.call('PEXPIRE', KEYS[1], 3600000)
return { string.format('%.3f', wait), string.format('%.6f', base), string.format('%.3f', math.max(0, now - cut)) }
`;
