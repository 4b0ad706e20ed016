import type { Answer } from './call.ts';
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

/** Entries of the request log that one answer holds at most. */
const MAX_SHOWN_REQUESTS = 1000;

/**
 * Answers the calls below `/_sandbox/`, which are no part of Vultr's API: `GET|PUT|DELETE faults`, `GET requests`
 * (summary and the last 1000), `DELETE requests`, `GET state`, `POST reset`, `POST advance {"ms"}`. They need no key and
 * do not count for the rate limit. Throws TypeError or RangeError for bad values.
 */
export function control(controls: Controls, method: string, path: string, readBody: () => Json): Answer {
  switch (`${method} ${path}`) {
    case 'GET /_sandbox/faults':
      return { status: 200, body: { faults: toJson(controls.faults.list()) } };
    case 'PUT /_sandbox/faults':
      controls.faults.set(parseFaults(faultsIn(readBody())));
      return { status: 200, body: { faults: toJson(controls.faults.list()) } };
    case 'DELETE /_sandbox/faults':
      controls.faults.clear();
      return { status: 204 };
    case 'GET /_sandbox/requests': {
      const requests = toJson(controls.requests.list().slice(-MAX_SHOWN_REQUESTS));
      return { status: 200, body: { summary: toJson(controls.requests.summary()), requests } };
    }
    case 'DELETE /_sandbox/requests':
      controls.requests.clear();
      return { status: 204 };
    case 'GET /_sandbox/state':
      return { status: 200, body: controls.state() };
    case 'POST /_sandbox/reset':
      controls.reset();
      return { status: 204 };
    case 'POST /_sandbox/advance':
      controls.advance(msIn(readBody()));
      return { status: 204 };
    default:
      return { status: 404, body: { error: `No sandbox control ${method} ${path}.`, status: 404 } };
  }
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
