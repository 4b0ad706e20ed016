import type { ServiceTarget } from '../../access/target.ts';
import type { HttpReply } from '../../rpc/call.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { ExtraRoute } from '../options.ts';

/**
 * Where the service is in its life. `starting`: it takes no calls yet. `ready`: it takes calls. `draining`: it is being stopped,
 * takes calls until everybody has turned elsewhere, and wants no more.
 */
export type Phase = 'starting' | 'ready' | 'draining';

/** The response to a probe of the service's state. */
export interface Readiness {
  readonly phase: Phase;
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
        const { phase, details } = readiness();
        return toReply(phase === 'ready' ? 200 : 503, { status: phase, ...details });
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
