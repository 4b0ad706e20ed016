import { setImmediate } from 'node:timers/promises';
import type { MaybeSoon } from '../base/soon.ts';
import type { Reply } from '../rpc/call.ts';
import { inSpan, type Span } from '../telemetry/trace.ts';
import type { Lifetime } from './lifetime.ts';

/**
 * The reply of a handler until the call's lifetime ends. A handler that heeds its signal has a moment then to say how far it
 * came: a creation that was sent and then cut off must not look like one that can be repeated.
 */
export function untilOver(reply: MaybeSoon<Reply>, lifetime: Lifetime): MaybeSoon<Reply> {
  return reply instanceof Promise ? untilDone(reply, lifetime) : reply;
}

async function untilDone(reply: Promise<Reply>, lifetime: Lifetime): Promise<Reply> {
  try {
    return await lifetime.until(reply);
  } catch (thrown) {
    if (lifetime.endReason === undefined) throw thrown;
    // The handler's own rejection is under way, if it heeds its signal; one that does not must not hold the call.
    return await Promise.race([reply, setImmediate(undefined).then(() => Promise.reject(thrown))]);
  }
}

/**
 * The messages of a handler until the call's lifetime ends, even when the handler does not heed its signal.
 * @param span what the handler does is a part of; undefined: the call is not traced
 */
export async function* untilEnded(
  replies: AsyncIterable<Reply>,
  lifetime: Lifetime,
  span: Span | undefined,
): AsyncGenerator<Reply> {
  const iterator = replies[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await lifetime.until(inSpan(span, () => iterator.next()));
      // A handler that heeds its signal ends in good order, which is not how the call ends then.
      if (next.done === true && lifetime.endReason !== undefined) throw lifetime.endReason;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a handler that is stuck must not hold the call. Its failure has been told already, if it was one.
    iterator.return?.().catch(() => undefined);
  }
}
