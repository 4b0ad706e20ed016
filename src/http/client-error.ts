import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CallError } from '../status/call-error.ts';
import { toErrorAnswer } from './error-body.ts';
import { headersTooLarge, malformedRequest, requestTimeout } from './errors.ts';
import type { HttpLimits } from './limits.ts';

/** How long a refused caller has to read its answer before the connection is destroyed. */
const LINGER_MS = 1_000;

/** What a fault that node found in a request means; undefined when the connection is simply gone. */
export function classifyClientError(
  error: Error & { code?: string },
  limits: HttpLimits,
): CallError | undefined {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return headersTooLarge(limits);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout(limits);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return malformedRequest(error);
  }
}

/** Answers on the bare connection, as there is no request that could be answered, and closes it. */
export function refuseConnection(socket: Duplex, error: CallError): void {
  const { status, headers, body } = toErrorAnswer(error, undefined);
  const fields = { ...headers, 'content-length': String(body.length), connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body.toString('utf8')}`,
  );
  // What the caller still sends is read and thrown away for a moment: to close on it would reset the connection, and
  // the caller would lose the answer.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
