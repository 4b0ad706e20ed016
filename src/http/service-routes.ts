import type { ServiceTarget } from '../access/target.ts';
import type { HttpReply } from '../rpc/call.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ExtraRoute } from './options.ts';

/** The response to a probe of the service's state. */
export interface Readiness {
  readonly isReady: boolean;
  /** Facts for people, by name. */
  readonly details: Readonly<Record<string, string>>;
}

/** Makes a route one for callers who may see this part of the service. */
export type GuardRoute = (part: ServiceTarget, route: ExtraRoute) => ExtraRoute;

/** The paths that are served when all other requests are refused, whatever the host is called: those of probes. */
export const PROBE_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/**
 * The routes of the service itself. `/healthz`: the process lives. `/readyz`: it takes calls, 503 when it does not, as
 * while it goes down. Neither asks Vultr: a replica that is taken out of service when Vultr fails helps nobody.
 * `/metrics`: its numbers, for Prometheus.
 * @param guard default: everybody may ask for all of them
 */
export function createServiceRoutes(
  readiness: () => Readiness,
  metrics: Metrics,
  guard: GuardRoute = (_part, route) => route,
): ReadonlyMap<string, ExtraRoute> {
  return new Map<string, ExtraRoute>([
    ['/healthz', () => toReply(200, { status: 'ok' })],
    [
      '/readyz',
      () => {
        const { isReady, details } = readiness();
        return toReply(isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', ...details });
      },
    ],
    [
      '/metrics',
      guard('metrics', () => {
        const { contentType, text } = metrics.render();
        return { status: 200, contentType, body: Buffer.from(text) };
      }),
    ],
  ]);
}

function toReply(status: number, body: Readonly<Record<string, string>>): HttpReply {
  return { status, contentType: 'application/json', body: Buffer.from(`${JSON.stringify(body)}\n`) };
}
