import { CallError } from '../status/call-error.ts';
import { type KeyRead, readKey } from './account-key.ts';
import type { AccountSpec } from './model.ts';

/** The API keys of the Vultr accounts, as they are now. */
export interface Accounts {
  /**
   * The key of an account.
   * @throws CallError UNAVAILABLE when there is none
   */
  keyOf(account: string): string;
  /**
   * Reads the file again. Call this when Vultr has refused a key (401).
   * @param refused the key that the call was made with
   * @returns the key to try once more with; undefined when there is no other
   */
  reread(account: string, refused: string): string | undefined;
  /** Reads every file again, after one has changed. A file that cannot be used leaves the earlier key in use. */
  refresh(): void;
}

/** Where keys come from, and who is told when one cannot be read. */
export interface AccountsOptions {
  readonly readFile: (path: string) => Uint8Array;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onError: (message: string) => void;
}

/**
 * Reads the keys. Those in the environment are read once; a process cannot be given others.
 */
export function openAccounts(specs: Iterable<AccountSpec>, options: AccountsOptions): Accounts {
  const { onError } = options;
  const accounts = new Map([...specs].map((spec) => [spec.name, { spec, read: readKey(spec, options) }]));
  const faults = new Map<string, string>();

  function reread(name: string): void {
    const account = accounts.get(name);
    if (account === undefined || 'keyEnv' in account.spec) return;
    const read = readKey(account.spec, options);
    if (read.kind === 'key') {
      account.read = read;
      faults.delete(name);
    } else if (faults.get(name) !== read.message) {
      faults.set(name, read.message);
      onError(read.message);
    }
  }

  return {
    keyOf: (name) => keyIn(name, accounts.get(name)?.read),
    reread: (name, refused) => {
      reread(name);
      const read = accounts.get(name)?.read;
      return read?.kind === 'key' && read.key !== refused ? read.key : undefined;
    },
    refresh: () => {
      for (const name of accounts.keys()) reread(name);
    },
  };
}

function keyIn(name: string, read: KeyRead | undefined): string {
  if (read?.kind === 'key') return read.key;
  throw new CallError(
    'UNAVAILABLE',
    'ACCOUNT_UNAVAILABLE',
    `There is no usable API key for the account ${name}. The log of the service tells more.`,
    { retryDelayMs: 5_000, reached: 'no', cause: read?.message },
  );
}
