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
  for (const [key, value] of Object.entries<number>(limits)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new TypeError(`${name}.${key} is ${value}; it has to be a positive integer.`);
    }
  }
  return limits;
}
