import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { codeOf } from './account-key.ts';

/** The files that TLS needs. */
export interface TlsFiles {
  /** PEM: our certificate, with what it was issued by behind it. */
  readonly cert: string;
  /** PEM, not encrypted. */
  readonly key: string;
  /** PEM: who issues the certificates of callers; undefined: none are asked for. */
  readonly ca?: string | undefined;
  /** PEM: the certificates that were revoked. */
  readonly crl?: string | undefined;
}

/** A certificate, for metrics. */
export interface CertificateExpiry {
  readonly file: string;
  /** Its subject on one line. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** A pair that was read and fits together. */
export interface TlsMaterial {
  readonly options: Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'crl' | 'minVersion'>;
  /** All certificates of all files, those of the CA bundle, too. */
  readonly expiries: readonly CertificateExpiry[];
}

/** The files cannot be used for TLS; the message names the file. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/**
 * Reads the files and tries them out.
 * @throws TlsFilesError when one cannot be read, or they do not fit together
 */
export function readTlsFiles(files: TlsFiles, read: (path: string) => Buffer = readFileSync): TlsMaterial {
  const pem = (path: string): Buffer => {
    try {
      return read(path);
    } catch (error) {
      throw new TlsFilesError(`The file ${path} cannot be read (${codeOf(error)}).`);
    }
  };
  const [cert, key] = [pem(files.cert), pem(files.key)];
  const ca = files.ca === undefined ? undefined : pem(files.ca);
  const crl = files.crl === undefined ? undefined : pem(files.crl);
  const expiries = [
    ...readExpiries(files.cert, cert),
    ...(files.ca === undefined || ca === undefined ? [] : readExpiries(files.ca, ca)),
  ];
  checkPair(files, cert, key);
  const options = {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new TlsFilesError(`The TLS files do not fit together (${codeOf(error)}).`);
  }
  return { options, expiries };
}

function checkPair({ cert, key }: TlsFiles, certPem: Buffer, keyPem: Buffer): void {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    throw new TlsFilesError(`The file ${key} does not hold a private key in PEM that is not encrypted.`);
  }
  if (!isPair)
    throw new TlsFilesError(`The private key in ${key} does not belong to the certificate in ${cert}.`);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function readExpiries(file: string, pem: Buffer): readonly CertificateExpiry[] {
  const texts = pem.toString('latin1').match(CERTIFICATE) ?? [];
  if (texts.length === 0) throw new TlsFilesError(`The file ${file} holds no certificate in PEM.`);
  return texts.map((text) => {
    try {
      const { subject, validToDate } = new X509Certificate(text);
      return { file, subject: subject.split('\n').join(', '), expiresAtMs: validToDate.getTime() };
    } catch {
      throw new TlsFilesError(`The file ${file} holds a certificate that cannot be read.`);
    }
  });
}

/** How callers show certificates. */
export type ClientCertificates = 'off' | 'optional' | 'required';

/**
 * What a server of node:tls, node:https or node:http2 is started with. An optional certificate that does not verify is let in
 * without counting: `socket.authorized` is false then, and it proves nobody.
 * @param protocols for ALPN, such as `h2`
 */
export function tlsServerOptions(
  { options }: TlsMaterial,
  clients: ClientCertificates,
  protocols: readonly string[],
): TlsOptions {
  return {
    ...options,
    ALPNProtocols: [...protocols],
    requestCert: clients !== 'off',
    rejectUnauthorized: clients === 'required',
  };
}
