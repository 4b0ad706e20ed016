import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import { type KeyRead, type KeySources, readKey } from './account-key.ts';
import type { AccountSpec } from './model.ts';

/** The API keys of the Vultr accounts, as they are now. */
export interface Accounts {
  /**
   * The key of an account.
   * @throws CallError UNAVAILABLE when there is none
   */
  keyOf(account: string): string;
  /**
   * Reads the file again. Call this when Vultr has refused a key (401). Calls that are refused at the same time share one
   * reading.
   * @param refused the key that the call was made with
   * @returns the key to try once more with; undefined when there is no other
   */
  reread(account: string, refused: string): Promise<string | undefined>;
  /** Reads every file again, after one has changed. A file that cannot be used leaves the earlier key in use. */
  refresh(): Promise<void>;
}

/** Where keys come from, and who is told when one cannot be read. */
export interface AccountsOptions extends KeySources {
  readonly onError: (message: string) => void;
}

/** An account with its key as it was last read. */
interface KeptAccount {
  readonly spec: AccountSpec;
  read: KeyRead;
  /** The fault that was told last, so that it is told once. */
  fault: string | undefined;
  reading: Promise<void> | undefined;
}

/** Reads the keys. Those in the environment are read once; a process cannot be given others. */
export async function openAccounts(
  specs: Iterable<AccountSpec>,
  options: AccountsOptions,
): Promise<Accounts> {
  const accounts = new Map<string, KeptAccount>();
  for (const spec of specs)
    accounts.set(spec.name, {
      spec,
      read: await readKey(spec, options),
      fault: undefined,
      reading: undefined,
    });

  async function readAgain(account: KeptAccount): Promise<void> {
    if ('keyEnv' in account.spec) return;
    account.reading ??= takeKey(account, options).finally(() => {
      account.reading = undefined;
    });
    await account.reading;
  }

  return {
    keyOf: (name) => keyIn(name, accounts.get(name)?.read),
    reread: async (name, refused) => {
      const account = accounts.get(name);
      if (account === undefined) return undefined;
      await readAgain(account);
      return account.read.kind === 'key' && account.read.key !== refused ? account.read.key : undefined;
    },
    refresh: async () => {
      await Promise.all([...accounts.values()].map(readAgain));
    },
  };
}

async function takeKey(account: KeptAccount, options: AccountsOptions): Promise<void> {
  const read = await readKey(account.spec, options);
  if (read.kind === 'key') {
    account.read = read;
    account.fault = undefined;
  } else if (account.fault !== read.message) {
    account.fault = read.message;
    options.onError(read.message);
  }
}

function keyIn(name: string, read: KeyRead | undefined): string {
  if (read?.kind === 'key') return read.key;
  throw new CallError(
    'UNAVAILABLE',
    'ACCOUNT_UNAVAILABLE',
    `There is no usable API key for the account ${name}. The log of the service tells more.`,
    { retryDelayMs: spreadRetry(5_000, Math.random), reached: 'no', cause: read?.message },
  );
}
