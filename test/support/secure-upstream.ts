import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { CertificateFiles } from './access.ts';
import { listenLocally } from './listen.ts';

/** An upstream that speaks TLS and has no instances. It closes every connection after one response. */
export interface SecureUpstream {
  readonly url: URL;
  /** The common names that it was shown, one for each request; undefined: no certificate of its CA. */
  readonly shown: readonly unknown[];
  /** Has new connections shown another certificate. */
  show(certificate: CertificateFiles): void;
}

/**
 * Starts an upstream that speaks TLS. It is closed when the test ends.
 * @param ca issues the certificates that it believes
 */
export async function startSecureUpstream(
  certificate: CertificateFiles,
  ca: Pick<CertificateFiles, 'cert'>,
): Promise<SecureUpstream> {
  const shown: unknown[] = [];
  const pair = ({ cert, key }: CertificateFiles) => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca.cert),
  });
  const server = createServer(
    { ...pair(certificate), requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      shown.push(socket.authorized ? socket.getPeerCertificate().subject.CN : undefined);
      response.setHeader('connection', 'close');
      response.setHeader('content-type', 'application/json');
      response.end('{"instances":[],"meta":{"total":0,"links":{"next":"","prev":""}}}');
    },
  );
  const port = await listenLocally(server);
  return {
    url: new URL(`https://127.0.0.1:${port}`),
    shown,
    show: (next) => server.setSecureContext(pair(next)),
  };
}
