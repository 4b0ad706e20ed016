import { CallError } from '../status/call-error.ts';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Stage } from './request.ts';

/** The methods that are named in metrics and spans; others are written as `_OTHER`. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Measures each request that is really sent, until its response is whole. It stands below every other stage, so that a
 * retry is a request of its own, and the wait for a permit is no part of it.
 * @param baseUrl where requests go
 */
export function measureExchanges(meter: Meter, baseUrl: string): Stage {
  const duration = meter.histogram(METRICS.httpClientDuration);
  const { hostname, port, protocol } = new URL(baseUrl);
  const scheme = protocol.slice(0, -1);
  const serverPort = port === '' ? (scheme === 'https' ? '443' : '80') : port;
  return (next) => async (request, context) => {
    const method = METHODS.has(request.method) ? request.method : '_OTHER';
    const startedAt = performance.now();
    const end = (status: string, errorType: string): void =>
      duration.record(
        (performance.now() - startedAt) / 1_000,
        method,
        status,
        hostname,
        serverPort,
        scheme,
        errorType,
      );
    try {
      const response = await next(request, context);
      const status = String(response.status);
      end(status, response.status >= 400 ? status : '');
      return response;
    } catch (thrown) {
      end('', CallError.from(thrown).reason);
      throw thrown;
    }
  };
}
