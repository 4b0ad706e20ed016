import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { certificateNames } from '../access/certificate-names.ts';
import { type Evidence, pickIdentityHeaders } from '../rpc/evidence.ts';

/** What a request brings that may prove who is calling. */
export function evidenceOf(
  { socket, headersDistinct }: IncomingMessage,
  authorization: string | undefined,
): Evidence {
  return {
    address: socket.remoteAddress ?? 'unknown',
    certificate: socket instanceof TLSSocket ? certificateNames(socket) : undefined,
    identityHeaders: pickIdentityHeaders((name) => headersDistinct[name]),
    authorization,
  };
}
