import type { CallError } from '../../status/call-error.ts';
import { callerKey } from '../credential-key.ts';
import { callerLabel } from '../observe.ts';
import type { SendContext, VultrRequest } from '../request.ts';
import type { Place } from './permit-queue.ts';

/** The part of a request's remaining time that is kept for Vultr's response, and the most that it may be. */
const RESPONSE_TIME = { part: 0.25, mostMs: 1_000 } as const;

/** A request on its way to its permit. */
export class Waiter implements Place {
  readonly kind: VultrRequest['kind'];
  readonly caller: string;
  readonly bytes: number;
  readonly again: boolean;
  /** How telemetry names the caller. */
  readonly label: string;
  readonly since: number;
  /** A permit that comes later is of no use. */
  readonly latestMs: number;
  #outcome: 'granted' | CallError | undefined;
  #settle: PromiseWithResolvers<void> | undefined;

  /** @param since now, in milliseconds since the epoch */
  constructor(request: VultrRequest, { deadline, throttled = false }: SendContext, since: number) {
    this.kind = request.kind;
    this.caller = callerKey(request);
    this.bytes = request.body?.length ?? 0;
    this.again = throttled;
    this.label = callerLabel(request);
    this.since = since;
    this.latestMs = deadline - Math.min(RESPONSE_TIME.mostMs, (deadline - since) * RESPONSE_TIME.part);
  }

  grant(): void {
    this.#outcome = 'granted';
    this.#settle?.resolve();
  }

  refuse(error: CallError): void {
    this.#outcome = error;
    this.#settle?.reject(error);
  }

  /**
   * What has to be waited for; undefined: the permit is granted.
   * @throws CallError, now or as a rejection, why there is none
   */
  turn(): Promise<void> | undefined {
    if (this.#outcome === 'granted') return undefined;
    if (this.#outcome !== undefined) throw this.#outcome;
    this.#settle ??= Promise.withResolvers();
    return this.#settle.promise;
  }
}
