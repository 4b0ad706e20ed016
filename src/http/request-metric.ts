import type { ServerResponse } from 'node:http';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';

/** A request that has been served. */
export interface ServedRequest {
  readonly method: string;
  readonly route?: string | undefined;
  readonly response: Pick<ServerResponse, 'headersSent' | 'statusCode'>;
}

/** The methods that OpenTelemetry's conventions name; callers could make up others. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY'],
]);

/** Makes the function that measures each request of the HTTP side, once its response is on its way. */
export function measureRequests(
  meter: Meter | undefined,
  scheme: 'http' | 'https',
): (request: ServedRequest, durationMs: number) => void {
  if (meter === undefined) return () => undefined;
  const duration = meter.histogram(METRICS.httpServerDuration);
  return ({ method, route = '', response }, durationMs) => {
    const status = response.headersSent ? String(response.statusCode) : '';
    // A caller that has left gets no response.
    const errorType = status === '' ? 'no_response' : response.statusCode >= 500 ? status : '';
    duration.record(
      durationMs / 1_000,
      METHODS.has(method) ? method : '_OTHER',
      status,
      route,
      scheme,
      errorType,
    );
  };
}
