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
 * Reads a grpc-timeout header strictly by the protocol: 1 to 8 digits and a unit.
 * @returns milliseconds; undefined when it is malformed
 */
export function parseTimeout(header: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  const factor = UNITS[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
