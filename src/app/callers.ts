import type { ServeConfig } from '../config/settings.ts';
import { admitEverybody } from '../pipeline/admission.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { CallersContext, OpenedCallers } from './opened-callers.ts';

/**
 * Opens the callers file and the audit log, if the settings name them. Rejects with a CallersFileError that holds every
 * mistake, or with the reason why the audit log cannot be opened. What reads callers files, tokens and keys is loaded only where
 * there is such a file.
 */
export async function openCallers(context: CallersContext): Promise<OpenedCallers> {
  const { config, metrics } = context;
  const denials = metrics.meter.counter(METRICS.denials);
  const { callersFile: file } = config;
  if (file !== undefined) {
    const { openFileCallers } = await import('./file-callers.ts');
    return await openFileCallers(file, context, (caller, reason) => denials.add(1, caller ?? '', reason));
  }
  return {
    openAdmission: admitEverybody(config.apiKey),
    guard: (_part, route) => route,
    recognise: async () => ({ caller: null, says: describeOpen(config) }),
    reopenAuditLog: undefined,
    close: async () => undefined,
  };
}

/** What everybody is told where there is no callers file. */
function describeOpen({ apiKey }: ServeConfig): string {
  const keys = apiKey === undefined ? 'a Vultr key of their own' : "their own Vultr key or the service's";
  return `Anonymous, like everybody: this service has no callers file. Calls are made with ${keys}.`;
}
