import type { Socket } from 'node:net';

/** The connections of callers, by those inside this process that carry single requests of theirs on. */
const carriers = new WeakMap<object, Socket>();

/** Notes whose requests a connection inside this process carries on. */
export function setCarrier(inner: object, carrier: Socket): void {
  carriers.set(inner, carrier);
}

/** The connection that the caller holds; undefined: the given one itself. */
export function carrierOf(socket: object): Socket | undefined {
  return carriers.get(socket);
}
