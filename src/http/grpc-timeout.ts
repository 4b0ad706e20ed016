/** The units of grpc-timeout, in milliseconds. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/**
 * Reads a `grpc-timeout` header: one to eight digits and a unit, `H M S m u n` (the gRPC protocol over HTTP/2).
 * @returns milliseconds, rounded up to whole ones; undefined when the header is malformed
 */
export function parseGrpcTimeout(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = UNITS.get(unit);
  return digits === undefined || unitMs === undefined ? undefined : Math.ceil(Number(digits) * unitMs);
}
