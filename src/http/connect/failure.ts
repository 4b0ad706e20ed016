import type { CallError } from '../../status/call-error.ts';
import { CODES } from '../../status/code.ts';
import { statusMessage, toDetails, toStatusBytes, trailerMessage } from '../../status/rpc-status.ts';

/** The name of a code in the Connect protocol, where it is not the one of gRPC in lower case. */
const NAMES: Readonly<Partial<Record<CallError['code'], string>>> = { CANCELLED: 'canceled' };

/** An error as the Connect protocol writes it. */
export function toConnectError(error: CallError): Record<string, unknown> {
  const details = toDetails(error).map(({ type, value, debug }) => ({
    type,
    value: unpaddedBase64(value),
    ...(debug !== undefined && { debug }),
  }));
  return {
    code: NAMES[error.code] ?? error.code.toLowerCase(),
    message: statusMessage(error),
    ...(details.length > 0 && { details }),
  };
}

/**
 * The HTTP status of a failed unary call of the Connect protocol: that of its code, as clients expect, except when the
 * request was not understood as a call at all.
 */
export function connectStatus({ code, reason, httpStatus }: CallError): number {
  const isUncalled = ['UNSUPPORTED_MEDIA_TYPE', 'METHOD_NOT_ALLOWED', 'ROUTE_NOT_FOUND'].includes(reason);
  return (isUncalled ? httpStatus : undefined) ?? CODES[code].http;
}

/** What ends every call of gRPC-Web, by lower-case names. */
export function grpcTrailers(error: CallError | undefined): Record<string, string> {
  if (error === undefined) return { 'grpc-status': '0' };
  return {
    'grpc-status': String(CODES[error.code].number),
    'grpc-message': encodeURI(trailerMessage(error)),
    'grpc-status-details-bin': unpaddedBase64(toStatusBytes(error)),
  };
}

function unpaddedBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
