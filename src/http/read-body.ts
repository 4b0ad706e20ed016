import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, callerGone, encodedBody, requestTimeout } from './errors.ts';
import type { HttpLimits } from './options.ts';

/**
 * Reads the body of a request, whole.
 *
 * @param deadline when it has to be there, in milliseconds since the epoch
 * @param now the clock of the deadline
 * @param proceed asks a caller that waits for it (Expect: 100-continue) to send the body
 * @throws CallError when it is over the size limit (413), late (408), compressed (415), or when the caller leaves
 */
export async function readBody(
  request: IncomingMessage,
  limits: HttpLimits,
  deadline: number,
  now: () => number,
  proceed: () => void,
): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw encodedBody(encoding);
  if (Number(request.headers['content-length'] ?? 0) > limits.maxBodyBytes) throw bodyTooLarge(limits);
  proceed();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(
      () => settle(() => reject(requestTimeout(limits))),
      Math.max(0, deadline - now()),
    );
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      // What is still to come is thrown away, so that the connection is not closed on an answer that is not read yet.
      request.on('error', ignoreError).resume();
      end();
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limits.maxBodyBytes) settle(() => reject(bodyTooLarge(limits)));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const onGone = (): void => settle(() => reject(callerGone()));
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

/** After the body was given up, an error of the connection tells nothing new. */
function ignoreError(): void {}
