import type { CertificateNames, IdentityHeaders } from '../rpc/evidence.ts';
import { createAddressMatcher } from './cidr.ts';
import { callerUnknown } from './errors.ts';
import type { Cidr } from './model.ts';
import { commonNameOf, parseXfcc, XfccError } from './xfcc.ts';

/** Finds out whom a proxy vouches for. */
export interface MeshIdentity {
  /** Whether this address is trusted to speak for others. */
  isTrusted(address: string): boolean;
  /**
   * The names of the proxy's caller.
   * @returns undefined when the address is not trusted or says nothing
   * @throws CallError UNAUTHENTICATED when a trusted proxy sends a header that cannot be read
   */
  read(address: string, headers: IdentityHeaders): CertificateNames | undefined;
}

/** Linkerd's way to say that the caller is not in the mesh. */
const NO_IDENTITY = /^(?:|unknown|no[-_ ]?identity.*)$/i;

/** Creates it for the proxies of a callers file. */
export function createMeshIdentity(trustedProxies: readonly Cidr[]): MeshIdentity {
  const isTrusted = createAddressMatcher(trustedProxies);
  return {
    isTrusted,
    read: (address, headers) => {
      const { 'x-forwarded-client-cert': xfcc = '', 'l5d-client-id': linkerd = '' } = headers;
      if ((xfcc === '' && linkerd === '') || !isTrusted(address)) return undefined;
      if (xfcc !== '' && linkerd !== '')
        throw callerUnknown('The proxy sent both x-forwarded-client-cert and l5d-client-id.');
      return xfcc === '' ? fromLinkerd(linkerd) : fromXfcc(xfcc);
    },
  };
}

function fromXfcc(header: string): CertificateNames {
  try {
    const { uris = [], dnsNames = [], subject } = parseXfcc(header).at(-1) ?? {};
    return { uris, dnsNames, commonName: subject === undefined ? undefined : commonNameOf(subject) };
  } catch (error) {
    if (error instanceof XfccError) throw callerUnknown(`The x-forwarded-client-cert ${error.message}.`);
    throw error;
  }
}

/** A Linkerd identity is a DNS name or, with an identity system of one's own, a SPIFFE ID. */
function fromLinkerd(header: string): CertificateNames | undefined {
  const name = header.trim();
  if (NO_IDENTITY.test(name)) return undefined;
  if (name.includes(',') || name.length > 2_000)
    throw callerUnknown('The l5d-client-id does not hold one name.');
  return name.startsWith('spiffe://')
    ? { uris: [name], dnsNames: [], commonName: undefined }
    : { uris: [], dnsNames: [name], commonName: undefined };
}
