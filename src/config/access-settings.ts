import { oneOf, parsePath, parseSwitch } from './parsers.ts';
import type { SettingsOf } from './setting.ts';

/** What the service is told about who may call, TLS and the audit log. */
export interface AccessConfig {
  /** The YAML file that says who may call; undefined: callers are not known by name. */
  readonly callersFile: string | undefined;
  /** Whether everybody may call on an address that others can reach. */
  readonly isAnonymousAllowed: boolean;
  /** Whether plain text is spoken on an address that others can reach. */
  readonly isPlaintextAllowed: boolean;
  /** PEM files of the service's own certificate and its key; both or neither. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** The PEM file of those who issue callers' certificates; undefined: none are asked for. */
  readonly tlsClientCa: string | undefined;
  /** The PEM file of the certificates that were revoked. */
  readonly tlsCrl: string | undefined;
  /** Whether a caller must have a certificate, when callers' certificates are asked for. */
  readonly tlsClientAuth: (typeof CLIENT_AUTH)[number];
  /** PEM files for the way to Vultr, or to what stands before it: a CA bundle, and a client certificate with its key. */
  readonly upstreamCa: string | undefined;
  readonly upstreamCert: string | undefined;
  readonly upstreamKey: string | undefined;
  /** A path, or "-" for standard output; undefined: no audit log. */
  readonly auditFile: string | undefined;
  /** Whether each line of it is forced to the disk. */
  readonly isAuditSynced: boolean;
  /** What happens to changes while it cannot be written. */
  readonly auditFailure: (typeof AUDIT_FAILURE)[number];
}

const CLIENT_AUTH = ['required', 'optional'] as const;
const AUDIT_FAILURE = ['refuse', 'continue'] as const;

/** Those settings of `serve`. */
export const ACCESS_SETTINGS: SettingsOf<AccessConfig> = {
  callersFile: {
    env: 'CALLERS_FILE',
    flag: 'callers-file',
    default: undefined,
    help: 'YAML file that says who may call, and what',
    parse: parsePath,
  },
  isAnonymousAllowed: {
    env: 'ALLOW_ANONYMOUS',
    flag: 'allow-anonymous',
    default: 'off',
    help: 'whether to serve everybody who can reach a non-loopback address, without a callers file: on, off',
    parse: parseSwitch,
  },
  isPlaintextAllowed: {
    env: 'PLAINTEXT',
    flag: 'plaintext',
    default: 'off',
    help: 'whether to speak plain text on a non-loopback address, as behind the sidecar of a mesh: on, off',
    parse: parseSwitch,
  },
  tlsCert: {
    env: 'TLS_CERT',
    flag: 'tls-cert',
    default: undefined,
    help: 'PEM file with the certificate of the service and those it was issued by',
    parse: parsePath,
  },
  tlsKey: {
    env: 'TLS_KEY',
    flag: 'tls-key',
    default: undefined,
    help: 'PEM file with its private key',
    parse: parsePath,
  },
  tlsClientCa: {
    env: 'TLS_CLIENT_CA',
    flag: 'tls-client-ca',
    default: undefined,
    help: "PEM file with the CAs by which callers' certificates are verified",
    parse: parsePath,
  },
  tlsCrl: {
    env: 'TLS_CRL',
    flag: 'tls-crl',
    default: undefined,
    help: "PEM file with the callers' certificates that were revoked",
    parse: parsePath,
  },
  tlsClientAuth: {
    env: 'TLS_CLIENT_AUTH',
    flag: 'tls-client-auth',
    default: 'required',
    help: `whether callers need a certificate, where TLS_CLIENT_CA is set: ${CLIENT_AUTH.join(', ')}`,
    parse: oneOf(CLIENT_AUTH),
  },
  upstreamCa: {
    env: 'UPSTREAM_CA',
    flag: 'upstream-ca',
    default: undefined,
    help: 'PEM file with the CAs by which the upstream is verified, in place of the well-known ones',
    parse: parsePath,
  },
  upstreamCert: {
    env: 'UPSTREAM_CERT',
    flag: 'upstream-cert',
    default: undefined,
    help: 'PEM file with the certificate that is shown to the upstream, such as an egress proxy',
    parse: parsePath,
  },
  upstreamKey: {
    env: 'UPSTREAM_KEY',
    flag: 'upstream-key',
    default: undefined,
    help: 'PEM file with its private key',
    parse: parsePath,
  },
  auditFile: {
    env: 'AUDIT_FILE',
    flag: 'audit-file',
    default: undefined,
    help: 'file for lines of JSON about every change and every denial; "-" for standard output',
    parse: (text: string) => (text === '-' ? text : parsePath(text)),
  },
  isAuditSynced: {
    env: 'AUDIT_SYNC',
    flag: 'audit-sync',
    default: 'off',
    help: 'whether each of these lines is forced to the disk before the call goes on: on, off',
    parse: parseSwitch,
  },
  auditFailure: {
    env: 'AUDIT_FAILURE',
    flag: 'audit-failure',
    default: 'refuse',
    help: 'what happens to changes while the audit log cannot be written: refuse, continue',
    parse: oneOf(AUDIT_FAILURE),
  },
};
