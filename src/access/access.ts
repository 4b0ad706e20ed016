import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemClock } from '../base/clock.ts';
import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import type { Logger } from '../telemetry/log.ts';
import { codeOf } from './account-key.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { parseCallersFile } from './callers-file.ts';
import { noVultrKey } from './errors.ts';
import { fetchJwks } from './fetch-jwks.ts';
import { createIdentifier, type Identifier, type Identity } from './identify.ts';
import { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts';
import { createJwtVerifier } from './jwt.ts';
import { createMeshIdentity } from './mesh-identity.ts';
import { CallersFileError, type Mistake } from './mistakes.ts';
import type { AccessModel, IssuerSpec } from './model.ts';
import { createProofIndex } from './proof-index.ts';
import { watchFiles } from './watch-files.ts';

/** Who may call, according to a callers file that is read again when it changes. */
export interface Access extends Identifier, Disposable {
  /** The state of the file that is in force. */
  readonly model: AccessModel;
  /**
   * The Vultr key that a call is made with: the caller's own, or that of its account.
   * @throws CallError UNAUTHENTICATED when the caller has no account and brought no key; UNAVAILABLE when the account has none
   */
  credentialOf(identity: Identity): string;
  /**
   * Call this when Vultr has refused the key of a call (401).
   * @returns the key to try once more with; undefined when there is no other
   */
  otherCredential(identity: Identity, refused: string): Promise<string | undefined>;
  /**
   * Calls a listener after each change of the rules.
   * @returns a function that removes the listener
   */
  onReload(listener: () => void): () => void;
  /** Reads the file now, without waiting for a change; resolves when the outcome is in force or logged. */
  reload(): Promise<void>;
}

/** The options of access. */
export interface AccessOptions {
  readonly file: string;
  readonly operations: Iterable<Operation>;
  readonly log: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As in watchFiles. */
  readonly watchIntervalMs?: number;
  /** Milliseconds since the epoch by the wall clock, which is what tokens are issued by. Default: Date.now. */
  readonly wallNow?: () => number;
}

/** Everything that is derived from one state of the file. */
interface InForce {
  readonly bytes: Uint8Array;
  readonly model: AccessModel;
  readonly accounts: Accounts;
  readonly identifier: Identifier;
  readonly issuers: ReadonlyMap<string, KeptIssuer>;
}

interface KeptIssuer {
  readonly spec: IssuerSpec;
  readonly keys: IssuerKeys;
}

/** Keys from a URL are renewed in the background after five minutes, and count for an hour while that does not work. */
const JWKS = { freshMs: 300_000, maxAgeMs: 3_600_000, cooldownMs: 10_000 } as const;

/** A file is watched; looking again costs nothing. */
const JWKS_FILE = {
  freshMs: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
  cooldownMs: 100,
} as const;

/**
 * Reads the callers file, and follows it, its key files and its key sets. Rejects with a CallersFileError that holds every
 * mistake.
 */
export async function openAccess(options: AccessOptions): Promise<Access> {
  const operations = [...options.operations];
  const inForce = await putInForce(await readBytes(options.file), undefined, { ...options, operations });
  return new FollowedAccess({ ...options, operations }, inForce);
}

/** Reads a callers file once, for commands. Rejects with a CallersFileError that holds every mistake. */
export async function loadCallersFile({ file, ...context }: ModelSource): Promise<AccessModel> {
  return await parse(file, await readBytes(file), context);
}

/** What the rules are read with. */
type ModelSource = Pick<AccessOptions, 'file' | 'operations' | 'env'>;

class FollowedAccess implements Access {
  readonly #options: AccessOptions;
  readonly #watch: Disposable;
  readonly #listeners = new Set<() => void>();
  #inForce: InForce;
  /** The last state of the file that had mistakes, so that they are logged once. */
  #refused: Uint8Array | undefined;
  /** Readings of the file follow each other, so that an older state never replaces a newer one. */
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: AccessOptions, inForce: InForce) {
    this.#options = options;
    this.#inForce = inForce;
    const { watchIntervalMs } = options;
    this.#watch = watchFiles({
      files: () => [options.file, ...namedFiles(this.#inForce.model)],
      onChange: () => this.reload(),
      ...(watchIntervalMs !== undefined && { intervalMs: watchIntervalMs }),
    });
  }

  onReload(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get model(): AccessModel {
    return this.#inForce.model;
  }

  identify(...given: Parameters<Identifier['identify']>): MaybeSoon<Identity | undefined> {
    return this.#inForce.identifier.identify(...given);
  }

  complete(...given: Parameters<Identifier['complete']>): MaybeSoon<Identity> {
    return this.#inForce.identifier.complete(...given);
  }

  isProven(identity: Identity): boolean {
    return this.#inForce.identifier.isProven(identity);
  }

  credentialOf({ caller, ownKey }: Identity): string {
    if (ownKey !== undefined) return ownKey;
    if (caller.account === undefined) throw noVultrKey(caller.name);
    return this.#inForce.accounts.keyOf(caller.account);
  }

  async otherCredential({ caller, ownKey }: Identity, refused: string): Promise<string | undefined> {
    if (ownKey !== undefined || caller.account === undefined) return undefined;
    return await this.#inForce.accounts.reread(caller.account, refused);
  }

  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#readAgain());
    return this.#reloading;
  }

  async #readAgain(): Promise<void> {
    const { file, log } = this.#options;
    try {
      const bytes = await readBytes(file);
      if (Buffer.compare(bytes, this.#inForce.bytes) === 0) {
        this.#refused = undefined;
      } else if (this.#refused === undefined || Buffer.compare(bytes, this.#refused) !== 0) {
        this.#refused = bytes;
        this.#inForce = await putInForce(bytes, this.#inForce, this.#options);
        this.#refused = undefined;
        log.info({ file, callers: this.model.callers.length }, 'callers file reloaded');
        for (const listener of this.#listeners) listener();
        return;
      }
    } catch (error) {
      // A failure here must not end the service, which still has the earlier rules.
      const problem = error instanceof Error ? error.message : String(error);
      log.error(
        { file, mistakes: problem.split('\n') },
        'callers file not reloaded: the old rules stay in force',
      );
    }
    await this.#inForce.accounts.refresh();
    await Promise.all(
      [...this.#inForce.issuers.values()].map(({ spec, keys }) =>
        'file' in spec.keys ? keys.refresh() : undefined,
      ),
    );
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

/** Builds what follows from the file; what an earlier state has in common with it is kept. */
async function putInForce(
  bytes: Uint8Array,
  earlier: InForce | undefined,
  { file, operations, env, log, wallNow = Date.now }: AccessOptions,
): Promise<InForce> {
  const model = await parse(file, bytes, { operations, env });
  const accounts = await openAccounts(model.accounts.values(), {
    readFile,
    env,
    onError: (problem) => log.error({ problem }, 'key file not reloaded: the old key stays in use'),
  });
  const issuers = new Map(
    [...model.issuers.values()].map((spec) => [
      spec.name,
      keepIssuer(spec, earlier?.issuers.get(spec.name), log),
    ]),
  );
  const identifier = createIdentifier(
    createProofIndex(model.callers),
    createJwtVerifier([...issuers.values()], wallNow),
    createMeshIdentity(model.trustedProxies),
  );
  return { bytes, model, accounts, identifier, issuers };
}

/** The keys of an issuer that has not changed are kept, so that a reload needs nothing from its server. */
function keepIssuer(spec: IssuerSpec, earlier: KeptIssuer | undefined, log: Logger): KeptIssuer {
  const { keys } = spec;
  if (earlier !== undefined && JSON.stringify(earlier.spec.keys) === JSON.stringify(keys))
    return { spec, keys: earlier.keys };
  return {
    spec,
    keys: createIssuerKeys({
      name: spec.name,
      load: 'file' in keys ? () => readFile(keys.file) : () => fetchJwks(keys),
      onError: (error) => log.warn({ problem: error.message }, 'signing keys not renewed'),
      now: systemClock.now,
      ...('file' in keys ? JWKS_FILE : JWKS),
    }),
  };
}

async function parse(
  file: string,
  bytes: Uint8Array,
  context: Omit<ModelSource, 'file'>,
): Promise<AccessModel> {
  const parsed = await parseCallersFile(bytes, { ...context, readFile });
  if (parsed.kind === 'ok') return parsed.model;
  throw new CallersFileError(basename(file), parsed.mistakes);
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const mistake: Mistake = { line: 1, column: 1, message: `The file cannot be read (${codeOf(error)}).` };
    throw new CallersFileError(basename(file), [mistake]);
  }
}

function namedFiles({ accounts, issuers }: AccessModel): readonly string[] {
  return [
    ...[...accounts.values()].flatMap((spec) => ('keyFile' in spec ? [spec.keyFile] : [])),
    ...[...issuers.values()].flatMap(({ keys }) => ('file' in keys ? [keys.file] : [])),
  ];
}
