import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { codeOf } from './account-key.ts';

/** The files that TLS needs. */
export interface TlsFiles {
  /** PEM: our certificate, followed by its issuers; undefined: we show none. */
  readonly cert?: string | undefined;
  /** PEM, not encrypted; present whenever there is a certificate. */
  readonly key?: string | undefined;
  /** PEM: the issuers of the peers' certificates; undefined: a server requests none, a client trusts the well-known issuers. */
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

/** Files that were read and fit together. */
export interface TlsMaterial {
  readonly options: Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'crl' | 'minVersion'>;
  /** All certificates in all files, those of the CA bundle included. */
  readonly expiries: readonly CertificateExpiry[];
}

/** The files cannot be used for TLS; the message names the file. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/**
 * Reads the files and tries them out. Rejects with a TlsFilesError when one cannot be read, or they do not fit together.
 */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, ca, crl] = await Promise.all([files.cert, files.key, files.ca, files.crl].map(readPem));
  const expiries = [cert, ca].flatMap((each) => (each === undefined ? [] : readExpiries(each)));
  if (cert !== undefined) checkPair(cert, key);
  const options = {
    ...(cert !== undefined && { cert: cert.pem }),
    ...(key !== undefined && { key: key.pem }),
    minVersion: 'TLSv1.2' as const,
    ...(ca !== undefined && { ca: ca.pem }),
    ...(crl !== undefined && { crl: crl.pem }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new TlsFilesError(`The TLS files do not fit together (${codeOf(error)}).`);
  }
  return { options, expiries };
}

/** A file that was read. */
interface Read {
  readonly path: string;
  readonly pem: Buffer;
}

async function readPem(path: string | undefined): Promise<Read | undefined> {
  if (path === undefined) return undefined;
  try {
    return { path, pem: await readFile(path) };
  } catch (error) {
    throw new TlsFilesError(`The file ${path} cannot be read (${codeOf(error)}).`);
  }
}

function checkPair(cert: Read, key: Read | undefined): void {
  if (key === undefined)
    throw new TlsFilesError(`There is no private key for the certificate in ${cert.path}.`);
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert.pem).checkPrivateKey(createPrivateKey(key.pem));
  } catch {
    throw new TlsFilesError(`The file ${key.path} does not hold a private key in PEM that is not encrypted.`);
  }
  if (!isPair)
    throw new TlsFilesError(
      `The private key in ${key.path} does not belong to the certificate in ${cert.path}.`,
    );
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function readExpiries({ path: file, pem }: Read): readonly CertificateExpiry[] {
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
 * The options for a server of node:tls, node:https or node:http2. Where certificates are optional, one that does not verify is
 * accepted and proves nobody: `socket.authorized` is false then.
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
