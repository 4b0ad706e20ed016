/**
 * A value that is there, or a promise of one. A call that waits for nothing, as one that the cache answers, goes through without
 * a promise: to wait for each of its steps would take longer than the steps.
 */
export type MaybeSoon<Value> = Value | Promise<Value>;

/** Goes on with a value: at once when it is there, else when it comes. */
export function whenThere<Value, Result>(
  value: MaybeSoon<Value>,
  next: (value: Value) => MaybeSoon<Result>,
): MaybeSoon<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
