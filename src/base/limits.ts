/**
 * Limits with their defaults filled in.
 * @param name of the group, for the error
 * @throws TypeError when one is not a positive integer
 */
export function resolvePositive<T extends { readonly [K in keyof T]: number }>(
  name: string,
  defaults: T,
  given: Partial<T>,
): T {
  const limits = { ...defaults, ...given };
  for (const [key, value] of Object.entries<number>(limits)) assertInteger(`${name}.${key}`, value, 1);
  return limits;
}

/** @throws TypeError when the value is not an integer, `least` or more */
export function assertInteger(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  const wanted = least === 1 ? 'a positive integer' : `an integer, ${least} or more`;
  throw new TypeError(`${name} is ${value}; it must be ${wanted}.`);
}

/** @throws TypeError when the value is not a finite number above 0 */
export function assertAboveZero(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new TypeError(`${name} is ${value}; it must be a number above 0.`);
}
