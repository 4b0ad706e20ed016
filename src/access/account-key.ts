import { isApiKey } from '../base/api-key.ts';
import type { AccountSpec } from './model.ts';

/** A Vultr API key that was read, or why there is none. */
export type KeyRead =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Key files are short; a longer one is some other file. */
const MAX_FILE_BYTES = 4_096;

/** Where the keys of accounts come from. */
export interface KeySources {
  /** Rejects when the file cannot be read. */
  readonly readFile: ReadFile;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads a file that the callers file names. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** Reads the key of an account. Messages name the file or variable and never quote what is in it. */
export async function readKey(spec: AccountSpec, sources: KeySources): Promise<KeyRead> {
  if ('keyEnv' in spec) {
    const value = sources.env[spec.keyEnv]?.trim() ?? '';
    if (value === '') return fault(`The environment variable ${spec.keyEnv} is not set.`);
    return isApiKey(value)
      ? { kind: 'key', key: value }
      : fault(`The environment variable ${spec.keyEnv} does not hold an API key.`);
  }
  let bytes: Uint8Array;
  try {
    bytes = await sources.readFile(spec.keyFile);
  } catch (error) {
    return fault(`The key file ${spec.keyFile} cannot be read (${codeOf(error)}).`);
  }
  const text = bytes.length > MAX_FILE_BYTES ? '' : Buffer.from(bytes).toString('utf8').trim();
  if (text === '' && bytes.length <= MAX_FILE_BYTES) return fault(`The key file ${spec.keyFile} is empty.`);
  return isApiKey(text)
    ? { kind: 'key', key: text }
    : fault(`The key file ${spec.keyFile} does not hold one API key and nothing else.`);
}

function fault(message: string): KeyRead {
  return { kind: 'fault', message };
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
