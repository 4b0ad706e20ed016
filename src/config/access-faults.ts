import { isLoopback } from '../base/loopback.ts';
import { ACCESS_SETTINGS, type AccessConfig } from './access-settings.ts';
import { formatListen, type ListenAddress } from './parsers.ts';

/** What these checks look at. */
type Checked = AccessConfig & {
  readonly grpcListen: ListenAddress;
  readonly httpListen: ListenAddress | undefined;
};

/**
 * What is unsafe or of no use about who may call: an address that others can reach wants a choice about callers and about
 * TLS, and settings that belong together come together.
 */
export function findAccessFaults(config: Checked): readonly string[] {
  return [...findExposures(config), ...findIncomplete(config)];
}

function findExposures(config: Checked): readonly string[] {
  const address = reachableAddress(config);
  if (address === undefined) return [];
  const { callersFile, isAnonymousAllowed, tlsCert, isPlaintextAllowed } = config;
  const faults: string[] = [];
  if (callersFile === undefined && !isAnonymousAllowed)
    faults.push(
      `Others can reach ${address}, and nothing says who may call. Set CALLERS_FILE, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=on to serve everybody.`,
    );
  if (tlsCert === undefined && !isPlaintextAllowed)
    faults.push(
      `Others can reach ${address}, and calls would cross the network in plain text. Set TLS_CERT and TLS_KEY, listen on 127.0.0.1, or set PLAINTEXT=on where something else does the TLS, such as the sidecar of a mesh.`,
    );
  return faults;
}

/** An address of the service that others can reach; undefined: there is none. */
export function reachableAddress({ grpcListen, httpListen }: Checked): string | undefined {
  const listens = [grpcListen, httpListen].filter((each) => each !== undefined);
  const open = listens.find(({ host }) => !isLoopback(host));
  return open === undefined ? undefined : formatListen(open);
}

function findIncomplete(config: AccessConfig): readonly string[] {
  const needs = (name: keyof AccessConfig, other: keyof AccessConfig): string[] =>
    config[name] !== undefined && config[other] === undefined
      ? [`${ACCESS_SETTINGS[name].env} is set and needs ${ACCESS_SETTINGS[other].env}, which is not.`]
      : [];
  return [
    ...needs('tlsCert', 'tlsKey'),
    ...needs('tlsKey', 'tlsCert'),
    ...needs('tlsClientCa', 'tlsCert'),
    ...needs('tlsCrl', 'tlsClientCa'),
    ...needs('upstreamCert', 'upstreamKey'),
    ...needs('upstreamKey', 'upstreamCert'),
    ...needs('auditFile', 'callersFile'),
  ];
}
