import { CallError } from '../../status/call-error.ts';
import { MEDIA_TYPES } from './protocol.ts';

/** No rpc has the path. */
export function unknownRpc(suggestion: string | undefined): CallError {
  const question = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`;
  return new CallError('UNIMPLEMENTED', 'ROUTE_NOT_FOUND', `There is no such rpc.${question}`, {
    httpStatus: 404,
    reached: 'no',
  });
}

/** The media type belongs to no protocol, or to one that the rpc cannot be called by. */
export function wrongMediaType(contentType: string | undefined, text: string): CallError {
  const found =
    contentType === undefined
      ? 'The request has no Content-Type.'
      : `The request has the Content-Type ${JSON.stringify(contentType.slice(0, 100))}.`;
  return new CallError('INVALID_ARGUMENT', 'UNSUPPORTED_MEDIA_TYPE', `${found} ${text}`, {
    httpStatus: 415,
    httpHeaders: { 'accept-post': MEDIA_TYPES },
    reached: 'no',
  });
}

/** The request, or one of its messages, is compressed in a way that cannot be read. */
export function unknownEncoding(encoding: string, accepted: readonly string[]): CallError {
  return new CallError(
    'UNIMPLEMENTED',
    'UNSUPPORTED_MEDIA_TYPE',
    `The request is compressed with ${JSON.stringify(encoding.slice(0, 50))}. Use one of ${accepted.join(', ')}, or no compression.`,
    { httpHeaders: { 'accept-encoding': accepted.join(', ') }, reached: 'no' },
  );
}

/** Bytes are not what their compression says. */
export function notDecompressible(cause: unknown): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    'MALFORMED_MESSAGE',
    'The request cannot be decompressed with the compression that it names.',
    { reached: 'no', cause },
  );
}

/** A frame says that it is compressed, and no header says how. */
export function unexpectedCompression(): CallError {
  return new CallError(
    'INTERNAL',
    'MALFORMED_MESSAGE',
    'A message is marked as compressed, but no header names the compression.',
    { reached: 'no' },
  );
}

/** The frames of the request cannot be read. */
export function malformedFrames(text: string): CallError {
  return new CallError('INVALID_ARGUMENT', 'MALFORMED_MESSAGE', text, { reached: 'no' });
}

/** A request of an rpc that takes one message has none, or more than one. */
export function notOneMessage(count: 'no' | 'more than one'): CallError {
  return new CallError(
    'UNIMPLEMENTED',
    'MALFORMED_MESSAGE',
    `The rpc takes one message, and the request has ${count}.`,
    { reached: 'no' },
  );
}

/** A message is over its limit. */
export function messageTooLarge(maxBytes: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'REQUEST_TOO_LARGE',
    `A message of the request is over ${maxBytes} bytes.`,
    { reached: 'no', httpStatus: 413 },
  );
}
