/** Milliseconds in each unit of a grpc-timeout. */
const UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * Reads a `grpc-timeout` header: one to eight digits and a unit (the gRPC protocol over HTTP/2).
 * @returns milliseconds, rounded up to whole ones; undefined when the header is malformed
 */
export function parseGrpcTimeout(header: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  const unitMs = UNITS[unit];
  return digits === undefined || unitMs === undefined ? undefined : Math.ceil(Number(digits) * unitMs);
}
