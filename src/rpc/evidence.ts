/** What a call brings that may prove who is calling. */
export interface Evidence {
  /** The address of the other end of the connection, without the port. */
  readonly address: string;
  /** The names in the client certificate of the connection; undefined: it has none that is verified. */
  readonly certificate: CertificateNames | undefined;
  /** From headers of these very names, never from `grpc-metadata-*`. */
  readonly identityHeaders: IdentityHeaders;
  /** The header or metadata `authorization`. */
  readonly authorization: string | undefined;
}

/** The names in a client certificate that was verified. */
export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly commonName: string | undefined;
}

/** The headers in which proxies of a service mesh say who called them. */
export const IDENTITY_HEADERS = ['x-forwarded-client-cert', 'l5d-client-id'] as const;

/** Their values, as they came in headers of these very names; several of one name joined by commas. */
export type IdentityHeaders = Readonly<Partial<Record<(typeof IDENTITY_HEADERS)[number], string>>>;

/**
 * Picks them out of the headers of a request.
 * @param valuesOf the values of a header by its lower-case name. It must read real headers alone: one that arrives as
 *   `grpc-metadata-x-forwarded-client-cert` has passed the proxy unseen.
 */
export function pickIdentityHeaders(
  valuesOf: (name: string) => readonly string[] | undefined,
): IdentityHeaders {
  return Object.fromEntries(
    IDENTITY_HEADERS.flatMap((name) => {
      const values = valuesOf(name) ?? [];
      return values.length === 0 ? [] : [[name, values.join(',')]];
    }),
  );
}
