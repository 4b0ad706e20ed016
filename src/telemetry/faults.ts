import type { Code } from '../status/code.ts';

/** The codes that OpenTelemetry's conventions for gRPC servers count as errors. */
const FAULTS: ReadonlySet<Code> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** Whether a call that ended with this code counts as an error of the server in traces and metrics. */
export function isFault(code: Code): boolean {
  return FAULTS.has(code);
}
