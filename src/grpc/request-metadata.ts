import type { IncomingHttpHeaders } from 'node:http2';
import { toBinaryValue } from './metadata.ts';

/** What belongs to the transport, and is none of the handler's business. */
const OF_TRANSPORT: ReadonlySet<string> = new Set([
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'accept-encoding',
  'te',
  'content-type',
]);

const NAME = /^[0-9a-z_.-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * The metadata of a call, from its headers: what has a name and a value that gRPC allows. Binary values (`-bin`) are in base64, as
 * over HTTP; several values of one name are joined.
 */
export function readMetadata(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const name of Object.keys(headers)) {
    const given = headers[name];
    if (given === undefined || OF_TRANSPORT.has(name) || !NAME.test(name)) continue;
    const value = typeof given === 'string' ? given : given.join(', ');
    if (name.endsWith('-bin')) metadata.set(name, value.split(',').map(normalized).join(', '));
    else if (PRINTABLE.test(value)) metadata.set(name, value);
  }
  return metadata;
}

function normalized(base64: string): string {
  return toBinaryValue(Buffer.from(base64.trim(), 'base64'));
}
