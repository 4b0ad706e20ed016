/** Something that goes on later. */
export interface Deferred {
  proceed(): void;
}

let deferred: Deferred[] = [];

/**
 * Has something go on in the next turn of the event loop, for what is mostly over by then. Everything of one turn goes on
 * together: an immediate for each would cost more than what most of them do.
 */
export function inNextTurn(one: Deferred): void {
  if (deferred.push(one) === 1) setImmediate(proceedAll);
}

function proceedAll(): void {
  const due = deferred;
  deferred = [];
  for (const one of due) one.proceed();
}
