import type { IncomingHttpHeaders } from 'node:http';
import { parseGrpcTimeout } from '../../rpc/grpc-timeout.ts';
import { CallError } from '../../status/call-error.ts';
import { malformedTimeout } from '../errors.ts';
import { headersOfInterest, requestMetadata } from '../metadata.ts';
import type { Protocol } from './protocol.ts';

/** Headers that belong to HTTP or to a protocol, and are no metadata. */
const RESERVED =
  /^(?:grpc-|connect-|accept-|proxy-|sec-|access-control-|content-|if-|te$|trailer$|transfer-encoding$|connection$|keep-alive$|upgrade$|expect$|host$|accept$|cookie$)/;

const NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/**
 * The metadata of a request: its headers under their own names, as gRPC has them, but for those of HTTP and of the protocol.
 * @param rawHeaders names and values in turn
 * @throws CallError INVALID_ARGUMENT when `authorization` or `idempotency-key` is given twice or malformed
 */
export function rpcMetadata(rawHeaders: readonly string[]): ReadonlyMap<string, string> {
  const all: Record<string, string[]> = Object.create(null);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (RESERVED.test(name) || !NAME.test(name)) continue;
    const values = all[name] ?? [];
    values.push(rawHeaders[index + 1] ?? '');
    all[name] = values;
  }
  const metadata = new Map<string, string>();
  for (const [name, values] of Object.entries(all)) {
    const value = values.join(', ');
    if (VALUE.test(value)) metadata.set(name, value);
  }
  const known = Object.entries(headersOfInterest(rawHeaders)).filter(([name]) => !name.startsWith('grpc-'));
  for (const [name, value] of requestMetadata(Object.fromEntries(known))) metadata.set(name, value);
  return metadata;
}

/**
 * The time that the caller gives the call, in milliseconds; undefined: it does not say.
 * @throws CallError INVALID_ARGUMENT when the header is malformed
 */
export function timeoutOf(headers: IncomingHttpHeaders, { kind }: Protocol): number | undefined {
  if (kind === 'grpc-web') {
    const text = single(headers['grpc-timeout']);
    if (text === undefined) return undefined;
    const timeoutMs = parseGrpcTimeout(text);
    if (timeoutMs === undefined) throw malformedTimeout();
    return timeoutMs;
  }
  const text = single(headers['connect-timeout-ms']);
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) {
    const description = 'Must be 1 to 10 digits: the milliseconds, for example "10000".';
    throw CallError.invalid([{ field: 'connect-timeout-ms', description }]);
  }
  return Number(text);
}

/** @throws CallError INVALID_ARGUMENT when the caller speaks a version that this service does not */
export function checkVersion(headers: IncomingHttpHeaders, { kind }: Protocol): void {
  const version = single(headers['connect-protocol-version']);
  if (kind === 'grpc-web' || version === undefined || version === '1') return;
  throw CallError.invalid([{ field: 'connect-protocol-version', description: 'Must be "1".' }]);
}

/** A header; node joins repeated ones of names that it does not know by ", ", which no header here may contain. */
export function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value.join(', ');
}
