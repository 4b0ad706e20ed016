import { formatListen, type ListenAddress } from '../config/parsers.ts';
import type { Setting } from '../config/setting.ts';

/** An address that a command listens on, and the setting that it comes from. */
export interface ListenSetting {
  readonly setting: Pick<Setting<unknown>, 'flag' | 'env'>;
  /** Undefined: that side is off. */
  readonly address: ListenAddress | undefined;
}

/** Why an address cannot be listened on, by the code of the system's error. */
const CAUSES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program is using it',
  EACCES: 'this user may not',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'there is no host of that name',
};

/** Says in plain words why a command could not start, with the setting to change where the system refused an address. */
export function explainStart(error: unknown, listens: readonly ListenSetting[]): string {
  const refused = systemError(error);
  const cause = CAUSES[refused?.code ?? ''];
  const at = listens.find(({ address }) => refused !== undefined && isAt(refused, address));
  if (cause === undefined || at?.address === undefined)
    return error instanceof Error ? error.message : String(error);
  const { flag, env } = at.setting;
  return `Cannot listen on ${formatListen(at.address)}: ${cause}. Choose another address with --${flag} or ${env}; port 0 picks a free one.`;
}

interface SystemError {
  readonly code: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** The error of the system among an error and its causes. */
function systemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined;
  return 'syscall' in error && 'code' in error ? (error as Error & SystemError) : systemError(error.cause);
}

function isAt({ port, hostname }: SystemError, address: ListenAddress | undefined): boolean {
  return port === undefined ? hostname === address?.host : port === address?.port;
}
