import { CallError, type FieldViolation } from '../../status/call-error.ts';
import { wrongMediaType } from './errors.ts';
import { type Protocol, unaryProtocol } from './protocol.ts';

/** What the query of a GET request says. */
export interface GetRequest {
  readonly protocol: Protocol;
  /** The compression of the message; undefined: none. */
  readonly encoding: string | undefined;
  readonly message: Uint8Array;
}

const BASE64_URL = /^[A-Za-z0-9_-]*={0,2}$/;

/**
 * The codec that a GET request asks for, in which its reply will be.
 * @throws CallError with HTTP status 415 when it is not known
 */
export function getProtocol(query: string): Protocol {
  const encoding = new URLSearchParams(query).get('encoding') ?? undefined;
  if (encoding === 'proto' || encoding === 'json') return unaryProtocol(encoding);
  throw wrongMediaType(
    encoding,
    'A GET request must name the encoding of its message in the query: "encoding=json" or "encoding=proto".',
  );
}

/**
 * Reads the query of a GET request: `encoding`, `message`, `base64`, `compression` and `connect`.
 * @throws CallError INVALID_ARGUMENT with everything that is wrong
 */
export function readGetRequest(query: string, protocol: Protocol): GetRequest {
  const parameters = new URLSearchParams(query);
  const violations: FieldViolation[] = [];
  const version = parameters.get('connect') ?? 'v1';
  if (version !== 'v1') violations.push({ field: 'connect', description: 'Must be "v1".' });
  const base64 = parameters.get('base64') ?? '0';
  if (base64 !== '0' && base64 !== '1')
    violations.push({ field: 'base64', description: 'Must be "1", or left out.' });
  const text = parameters.get('message');
  if (text === null)
    violations.push({ field: 'message', description: 'Must be given, if only empty for an empty message.' });
  else if (base64 === '1' && !BASE64_URL.test(text))
    violations.push({ field: 'message', description: 'Must be base64 of the URL-safe alphabet.' });
  if (violations.length > 0) throw CallError.invalid(violations);
  return {
    protocol,
    encoding: parameters.get('compression') ?? undefined,
    message: Buffer.from(text ?? '', base64 === '1' ? 'base64url' : 'utf8'),
  };
}
