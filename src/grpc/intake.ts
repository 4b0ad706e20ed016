import { systemClock } from '../base/clock.ts';
import { LazyTimer } from '../base/lazy-timer.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { ByteBound } from './byte-bound.ts';
import { requestTimeout, requestTooLate, tooManyRequestBytes } from './errors.ts';
import type { GrpcLimits } from './limits.ts';
import type { OpenCall } from './open-call.ts';

/** What a call counts for by itself, before it has sent anything. */
const CALL_BYTES = 4 * 1024;

/** Watches requests arrive: how many bytes they hold, and for how long. */
export interface Intake {
  /** Begins to watch a call. */
  begin(call: OpenCall): IntakeOfCall;
  /** Refuses the oldest request of the connection that holds most. False: every request has arrived. */
  makeRoom(): boolean;
}

/** What is reported about one call. */
export interface IntakeOfCall {
  /** A whole message has arrived, of this many bytes when it is not compressed. */
  message(bytes: number): void;
  /** The request is given to its handler: it is no longer refused, whatever happens. */
  handedOver(): void;
}

/** Makes the intake. */
export function createIntake(limits: GrpcLimits): Intake {
  const bound = new ByteBound<OpenCall>(
    { perConnection: limits.maxRequestBytesPerConnection, total: limits.maxRequestBytes },
    (call) => call.refuse(tooManyRequestBytes()),
  );

  function begin(call: OpenCall): IntakeOfCall {
    const { stream } = call;
    let bytes = CALL_BYTES;
    let timer: LazyTimer | undefined;
    const startTimer = (): void => {
      timer ??= new LazyTimer(patienceMs(call, limits), () => call.refuse(lateness(call, limits)));
    };
    const stopTimer = (): void => {
      timer?.cancel();
      timer = undefined;
    };
    startTimer();
    bound.set(call, bytes);
    stream.on('data', (chunk: Buffer) => {
      if (call.isRequestStream) startTimer();
      bytes += chunk.length;
      bound.set(call, bytes);
    });
    stream.once('end', stopTimer);
    stream.once('close', () => {
      stopTimer();
      bound.release(call);
    });
    return {
      message(length) {
        if (call.isRequestStream) stopTimer();
        // The messages of a stream go one after the other; a single one may have grown by being inflated.
        bytes = CALL_BYTES + (call.isRequestStream ? length : Math.max(bytes - CALL_BYTES, length));
        if (!stream.closed) bound.set(call, bytes);
      },
      handedOver: () => bound.pin(call),
    };
  }

  return { begin, makeRoom: () => bound.evict() };
}

/** How long to wait for a request: until the caller's own deadline if that is sooner. */
function patienceMs(
  { deadline = Number.POSITIVE_INFINITY }: OpenCall,
  { requestTimeoutMs }: GrpcLimits,
): number {
  return Math.min(requestTimeoutMs, Math.max(0, deadline - systemClock.now()), MAX_TIMER_MS);
}

function lateness({ deadline = Number.POSITIVE_INFINITY }: OpenCall, limits: GrpcLimits) {
  return systemClock.now() >= deadline ? requestTooLate() : requestTimeout(limits);
}
