import type { status } from '@grpc/grpc-js';
import { CallError } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';

/** What grpc-js says of a request by itself, and how it is told. Its own texts name classes and numbers of grpc-js. */
const TEXTS: readonly {
  readonly pattern: RegExp;
  readonly code: Code;
  readonly reason: CallError['reason'];
  readonly text: string;
}[] = [
  {
    pattern: /larger than/,
    code: 'RESOURCE_EXHAUSTED',
    reason: 'REQUEST_TOO_LARGE',
    text: 'The request message is too large.',
  },
  {
    pattern: /unsupported encoding/,
    code: 'UNIMPLEMENTED',
    reason: 'MALFORMED_MESSAGE',
    text: 'The request message is compressed in a way that the server does not support; use gzip, deflate or identity.',
  },
  {
    pattern: /decompress/,
    code: 'INTERNAL',
    reason: 'MALFORMED_MESSAGE',
    text: 'The request message cannot be decompressed.',
  },
  {
    pattern: /second request message/,
    code: 'UNIMPLEMENTED',
    reason: 'MALFORMED_MESSAGE',
    text: 'The method takes one request message, and the call has more.',
  },
  {
    pattern: /no request message/,
    code: 'UNIMPLEMENTED',
    reason: 'MALFORMED_MESSAGE',
    text: 'The method takes one request message, and the call has none.',
  },
];

/** Turns a status that grpc-js has made by itself into an error like all others; one that nobody expected becomes INTERNAL. */
export function fromGrpcJs({ code, details }: { code?: status | null; details?: string | null }): CallError {
  const known = TEXTS.find(({ pattern }) => pattern.test(details ?? ''));
  if (known !== undefined) return new CallError(known.code, known.reason, known.text, { reached: 'no' });
  return CallError.from(new Error(`grpc-js: ${code} ${details}`));
}
