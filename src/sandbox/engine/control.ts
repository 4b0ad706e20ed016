import type { ApiResponse } from './call.ts';
import type { FaultBook } from './faults.ts';
import { parseFaults } from './faults.ts';
import { isObject, type Json } from './json.ts';
import type { RequestLog } from './request-log.ts';

/** What the control surface can reach. */
export interface Controls {
  faults: FaultBook;
  requests: RequestLog;
  advance(ms: number): void;
  reset(): void;
  state(): Json;
}

/** How many entries of the request log one response holds at most. */
export const MAX_SHOWN_REQUESTS = 1000;

/** Carries out a control; throws a TypeError or RangeError for a bad value. */
type Control = (controls: Controls, readBody: () => Json) => ApiResponse;

const done: ApiResponse = { status: 204 };

/** Every control, by method and path. They are not part of Vultr's API. */
export const CONTROLS: Readonly<Record<string, Control>> = {
  'GET /_sandbox/faults': ({ faults }) => ({ status: 200, body: { faults: toJson(faults.list()) } }),
  'PUT /_sandbox/faults': ({ faults }, readBody) => {
    faults.set(parseFaults(faultsIn(readBody())));
    return { status: 200, body: { faults: toJson(faults.list()) } };
  },
  'DELETE /_sandbox/faults': ({ faults }) => {
    faults.clear();
    return done;
  },
  'GET /_sandbox/requests': ({ requests: log }) => {
    const requests = toJson(log.list().slice(-MAX_SHOWN_REQUESTS));
    return { status: 200, body: { summary: toJson(log.summary()), requests } };
  },
  'DELETE /_sandbox/requests': ({ requests }) => {
    requests.clear();
    return done;
  },
  'GET /_sandbox/state': ({ state }) => ({ status: 200, body: state() }),
  'POST /_sandbox/reset': ({ reset }) => {
    reset();
    return done;
  },
  'POST /_sandbox/advance': ({ advance }, readBody) => {
    advance(msIn(readBody()));
    return done;
  },
};

/** Carries out the control of a request below `/_sandbox/`; throws a TypeError or RangeError for a bad value. */
export function control(controls: Controls, method: string, path: string, readBody: () => Json): ApiResponse {
  const name = `${method} ${path}`;
  const wanted = Object.hasOwn(CONTROLS, name) ? CONTROLS[name] : undefined;
  if (wanted === undefined)
    return { status: 404, body: { error: `The sandbox has no control ${name}.`, status: 404 } };
  return wanted(controls, readBody);
}

/** The faults may come bare or as `{"faults": [...]}`, the form in which they are shown. */
function faultsIn(body: Json): unknown {
  return isObject(body) && 'faults' in body ? body['faults'] : body;
}

function msIn(body: Json): number {
  const ms = isObject(body) ? body['ms'] : undefined;
  if (typeof ms !== 'number') throw new TypeError('advance needs a body {"ms": <number>}');
  return ms;
}

const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value));
