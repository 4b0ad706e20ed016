import type { DescMessage } from '@bufbuild/protobuf';
import { MASK } from '../base/mask-values.ts';
import { clip } from '../base/text.ts';

/**
 * Names of members that hold secrets, whatever their prefix: passwords, keys and tokens of all kinds, private parts of
 * certificates, and user data and start-up scripts, which are full of them.
 */
const SECRET_NAME =
  /pass(?:word|wd|phrase)|secret|token|credential|authorization|cookie|user_?data|kubeconfig|api_?key|private|(?:^|[._-])pass$|keys?(?:_b64)?$|^(?:script|ssl|pem|pfx|jwt|dsn)$/i;

/** Names that look secret but are not; ids of keys are needed to make sense of a line. */
const HARMLESS_NAME =
  /^(?:sshkey_ids?|ssh_key_ids?|.*_key_ids?|primary_key|.*_require_primary_key|.*_token_size)$/i;

/** Longer names are secret without a look at them, which would take time. */
const MAX_NAME = 256;

const MAX_TEXT = 256;
const MAX_DEPTH = 6;
const MAX_MEMBERS = 60;

/** Whether a member of this name is masked; in a query, lists have names such as `keys[]`. */
export function isSecretName(name: string): boolean {
  if (name.length > MAX_NAME) return true;
  const bare = name.replace(/\[.*$/s, '');
  return SECRET_NAME.test(bare) && !HARMLESS_NAME.test(bare);
}

/**
 * A request in the form that an audit line may hold: secrets masked, long texts cut, bytes counted, and its size bounded.
 * @param secretFields the names of fields that their declarations mark with `debug_redact`
 */
export function redact(value: unknown, secretFields: ReadonlySet<string> = new Set(), depth = 0): unknown {
  if (typeof value === 'string') return clip(value, MAX_TEXT);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[nested too deeply]';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_MEMBERS).map((each) => redact(each, secretFields, depth + 1));
    return value.length > MAX_MEMBERS ? [...items, `[${value.length - MAX_MEMBERS} more]`] : items;
  }
  const members = Object.entries(value);
  const safe = members.slice(0, MAX_MEMBERS).map(([name, each]): [string, unknown] => {
    const isSecret = isSecretName(name) || secretFields.has(name);
    return [clip(name, 64), isSecret && !isEmpty(each) ? MASK : redact(each, secretFields, depth + 1)];
  });
  if (members.length > MAX_MEMBERS) safe.push(['...', `[${members.length - MAX_MEMBERS} more]`]);
  return Object.fromEntries(safe);
}

/** The absence of a value is not a secret. */
function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || typeof value === 'boolean';
}

const known = new WeakMap<DescMessage, ReadonlySet<string>>();

/** The fields of a message, at whatever depth, that their declarations mark with `debug_redact`. */
export function redactedFields(message: DescMessage): ReadonlySet<string> {
  let names = known.get(message);
  if (names === undefined) {
    names = new Set(collect(message, new Set()));
    known.set(message, names);
  }
  return names;
}

function collect(message: DescMessage, seen: Set<DescMessage>): readonly string[] {
  if (seen.has(message)) return [];
  seen.add(message);
  return message.fields.flatMap((field) => [
    ...(field.proto.options?.debugRedact ? [field.name] : []),
    ...(field.message === undefined ? [] : collect(field.message, seen)),
  ]);
}
