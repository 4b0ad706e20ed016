import { readFile } from 'node:fs/promises';
import { loadCallersFile } from '../access/access.ts';
import type { Caller } from '../access/model.ts';
import {
  type Explanation,
  explainDecision,
  explainServiceDecision,
  policyTable,
  type ReadRequest,
} from '../access/policy-table.ts';
import { refuseMethodOverride, viewOfRequest } from '../access/request-view.ts';
import { SERVICE_TARGETS, serviceTarget } from '../access/target.ts';
import { createReach } from '../app/reach.ts';
import { ACCESS_SETTINGS } from '../config/access-settings.ts';
import { readFlags } from '../config/flags.ts';
import { ConfigError, type Environment } from '../config/read.ts';
import { readBundledContract } from '../contract/bundled.ts';
import { type Contract, loadContract } from '../contract/load.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import { JsonError, parseStrictJson } from '../payload/strict-json.ts';
import { CallError } from '../status/call-error.ts';
import { decodeJsonMessage } from '../transcoding/decode-json.ts';
import type { FieldValue } from '../transcoding/message.ts';
import { suggest } from '../transcoding/suggest.ts';
import { Violations } from '../transcoding/violations.ts';
import { createResolver } from '../v2/resolve.ts';
import { createWatchedRead } from '../watch/watched-read.ts';

/** What a command prints, and the exit code that goes with it. */
export interface PolicyOutput {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** The exit code of `policy check` for a call that is denied, so that a script can tell. */
const DENIED = 1;

/**
 * Runs `policy list` or `policy check`.
 * @throws ConfigError when it is called wrongly; CallersFileError with every mistake of the callers file
 */
export async function policy(args: readonly string[], env: Environment): Promise<PolicyOutput> {
  const [command, ...rest] = args;
  if (command !== 'list' && command !== 'check')
    throw new ConfigError('vultr-grpc policy needs "list" or "check". See vultr-grpc policy --help.');
  const flags = readOptions(rest, command === 'list' ? [] : ['caller', 'method', 'request']);
  const file = flags.get(FILE_FLAG) ?? env[ACCESS_SETTINGS.callersFile.env];
  if (file === undefined || file === '') throw new ConfigError('Set --callers-file or CALLERS_FILE.');
  const contract = loadContract(await readBundledContract());
  const all = [...contract.operations.values()];
  const model = await loadCallersFile({ file, operations: all, env });
  if (command === 'list') return { lines: policyTable(model, all), exitCode: 0 };
  const caller = find(model.callers, flags.get('caller'), 'caller');
  const { isAllowed, lines } = await check(caller, flags, contract);
  return { lines, exitCode: isAllowed ? 0 : DENIED };
}

async function check(
  caller: Caller,
  flags: ReadonlyMap<string, string>,
  contract: Contract,
): Promise<Explanation> {
  const parts = SERVICE_TARGETS.map((part) => ({ ...serviceTarget(part), part }));
  const method = find([...contract.operations.values(), ...parts], flags.get('method'), 'method');
  const path = flags.get('request');
  if (!('part' in method)) {
    const request = path === undefined ? undefined : await readRequest(path, method, contract);
    return await explainDecision(caller, method, request);
  }
  if (path !== undefined)
    throw new ConfigError(`A request makes no difference to ${method.name}: leave it out.`);
  return explainServiceDecision(caller, method.part);
}

const FILE_FLAG = 'callers-file';

function readOptions(args: readonly string[], names: readonly string[]): ReadonlyMap<string, string> {
  const { values, faults } = readFlags(args, [FILE_FLAG, ...names]);
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return values;
}

function find<Named extends { readonly name: string }>(
  all: readonly Named[],
  name: string | undefined,
  what: 'caller' | 'method',
): Named {
  if (name === undefined) throw new ConfigError(`vultr-grpc policy check needs --${what}.`);
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const near = suggest(
    name,
    all.map((each) => each.name),
  );
  throw new ConfigError(`There is no ${what} ${name}.${near === undefined ? '' : ` Did you mean ${near}?`}`);
}

async function readRequest(path: string, operation: Operation, contract: Contract): Promise<ReadRequest> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new ConfigError(`The file ${path} of --request cannot be read.`);
  }
  const violations = new Violations();
  const message = decodeJsonMessage(operation.input, parseRequest(path, text), '', violations);
  const missing = violations.list.length === 0 ? validate(operation.input, message) : [];
  // Which operation is reached must be there; ids and the like need not be, since what is allowed seldom depends on them.
  const [first] = [...violations.list, ...(operation.isRaw ? missing : [])];
  const refused = `The file ${path} of --request is not a request of ${operation.name}`;
  if (first !== undefined) throw new ConfigError(`${refused}: ${first.field}: ${first.description}`);
  const request = { kind: 'message', message } as const;
  try {
    const reach = createReach({
      resolveVultr: createResolver(contract),
      watchedRead: createWatchedRead(contract.operations),
    });
    refuseMethodOverride(request, operation);
    const readings = missing.length > 0 ? ([operation] as const) : reach(operation, request);
    return { readings, view: viewOfRequest(request, operation) };
  } catch (error) {
    if (error instanceof CallError) throw new ConfigError(`${refused}: ${error.message}`);
    throw error;
  }
}

function parseRequest(path: string, text: string): FieldValue {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError)
      throw new ConfigError(`The file ${path} of --request is not JSON: ${error.message}.`);
    throw error;
  }
}
