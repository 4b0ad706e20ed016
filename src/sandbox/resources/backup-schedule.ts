import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, type Route, routes, target } from '../engine/call.ts';
import { textsOf } from '../engine/checks.ts';
import { spaced } from '../engine/clock.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type JsonObject } from '../engine/json.ts';

const DAY_MS = 24 * 3600 * 1000;
const HOUR_MS = 3600 * 1000;
/** The number of days within which every schedule has a turn, even one for a single day of the month. */
const DAYS_AHEAD = 32;

const FIELDS = parseFields('type! hour:integer dow:integer dom:integer');

/** The schedule of a machine whose backups have just been enabled. */
export const DEFAULT_SCHEDULE: JsonObject = { enabled: true, type: 'daily', hour: 0, dow: 1, dom: 1 };

/** The schedule of a machine without backups. */
const NO_SCHEDULE: JsonObject = {
  enabled: false,
  type: '',
  next_scheduled_time_utc: '',
  hour: 0,
  dow: 0,
  dom: 0,
};

/** Whether a backup is made on the day that begins at `day` (midnight UTC). */
type FallsOn = (day: Date, schedule: JsonObject) => boolean;

const TYPES: Record<string, FallsOn> = {
  daily: () => true,
  // Vultr counts the days of the week from Sunday, which is 1.
  weekly: (day, schedule) => day.getUTCDay() + 1 === schedule['dow'],
  monthly: (day, schedule) => day.getUTCDate() === schedule['dom'],
  daily_alt_even: (day) => day.getUTCDate() % 2 === 0,
  daily_alt_odd: (day) => day.getUTCDate() % 2 === 1,
};

/** Reads and sets when the backups of an instance are made. */
export const backupScheduleRoutes: Route[] = routes({
  'GET /v2/instances/{instance_id}/backup-schedule': (call) => {
    const schedule = target(call).fields['backup_schedule'];
    if (!isObject(schedule)) return ok({ backup_schedule: { ...NO_SCHEDULE } });
    const next = spaced(nextBackupMs(schedule, call.world.clock.nowMs()));
    return ok({ backup_schedule: { ...schedule, next_scheduled_time_utc: next } });
  },
  'POST /v2/instances/{instance_id}/backup-schedule': setSchedule,
});

function nextBackupMs(schedule: JsonObject, nowMs: number): number {
  const fallsOn = TYPES[String(schedule['type'])] ?? (() => true);
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
    const day = today + ahead * DAY_MS;
    const atMs = day + Number(schedule['hour']) * HOUR_MS;
    if (atMs > nowMs && fallsOn(new Date(day), schedule)) return atMs;
  }
  throw new Error(`no backup within ${DAYS_AHEAD} days: ${JSON.stringify(schedule)}`);
}

function setSchedule(call: Call): ApiResponse {
  const machine = target(call);
  // The real API says so right after `active` too: the schedule is only known once the machine is up.
  if (['none', 'installingbooting'].includes(String(machine.fields['server_status']))) {
    throw new ApiError(404, 'Invalid instance-id.');
  }
  const { type = '', hour = 0, dow = 0, dom = 0 } = readFields(FIELDS, call.body);
  if (!Object.hasOwn(TYPES, String(type))) throw badRequest('Invalid type.');
  const between = (value: unknown, low: number, high: number) =>
    Number(value) >= low && Number(value) <= high;
  // A day that the type does not use may be 0.
  const given = (name: 'dow' | 'dom') => call.body[name] !== undefined;
  const lowDow = type === 'weekly' && given('dow') ? 1 : 0;
  const lowDom = type === 'monthly' && given('dom') ? 1 : 0;
  if (!between(hour, 0, 23) || !between(dow, lowDow, 7) || !between(dom, lowDom, 28)) throw badRequest();
  if (!textsOf(machine.fields['features']).includes('auto_backups')) {
    throw badRequest('Backups are not enabled on this server.');
  }
  // Schedules of every type come back with both days filled in.
  machine.fields['backup_schedule'] = { enabled: true, type, hour, dow: dow || 1, dom: dom || 1 };
  return { status: 200 };
}
