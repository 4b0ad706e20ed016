import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { CertificateNames } from '../rpc/evidence.ts';

/** A connection carries many calls, all of them with the same certificate. */
const known = new WeakMap<TLSSocket, CertificateNames | 'none'>();

/**
 * The names of the certificate that the other side of a connection has shown.
 * @returns undefined when it has shown none, or one that our CA bundle does not verify
 */
export function certificateNames(socket: TLSSocket): CertificateNames | undefined {
  let names = known.get(socket);
  if (names === undefined) {
    names = (socket.authorized ? readNames(socket.getPeerCertificate()) : undefined) ?? 'none';
    known.set(socket, names);
  }
  return names === 'none' ? undefined : names;
}

/**
 * The names in a certificate, as Node tells them.
 * @returns undefined when there is no certificate, or its alternative names have a form that is not known
 */
export function readNames(
  certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'> | Record<string, never>,
): CertificateNames | undefined {
  if (certificate.subject === undefined) return undefined;
  const { subject, subjectaltname = '' } = certificate;
  const entries = parseAltNames(subjectaltname);
  if (entries === undefined) return undefined;
  // Several common names come as a list, and nothing says which one counts.
  const name: unknown = subject.CN;
  return {
    uris: entries.filter(({ type }) => type === 'URI').map(({ value }) => value),
    dnsNames: entries.filter(({ type }) => type === 'DNS').map(({ value }) => value),
    commonName: typeof name === 'string' && name !== '' ? name : undefined,
  };
}

interface AltName {
  readonly type: string;
  readonly value: string;
}

const ALT_NAME = /([^:,"]+):("(?:\\.|[^"\\])*"|[^,"]*)(?:, |$)/y;

/**
 * Reads Node's text form of the subject alternative names: `DNS:a.example, URI:"spiffe://..."`. A value that holds anything
 * that could be taken for the next entry comes as a JSON string (since CVE-2021-44532).
 */
function parseAltNames(text: string): readonly AltName[] | undefined {
  const entries: AltName[] = [];
  ALT_NAME.lastIndex = 0;
  while (ALT_NAME.lastIndex < text.length) {
    const [whole, type = '', raw = ''] = ALT_NAME.exec(text) ?? [];
    if (whole === undefined) return undefined;
    entries.push({ type, value: raw.startsWith('"') ? String(JSON.parse(raw)) : raw });
  }
  return text.endsWith(', ') ? undefined : entries;
}
