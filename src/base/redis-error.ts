import { toLine } from './text.ts';

/** Why Redis did not do what it was asked: a label of metrics, so the set is closed. */
export type RedisCause =
  /** Its host cannot be reached, or nothing listens there. */
  | 'unreachable'
  /** The TLS handshake failed: another CA, another name, or no client certificate. */
  | 'tls'
  /** The user or the password is wrong, or there is none and one is needed. */
  | 'password'
  /** The user may not do that with that key. */
  | 'permission'
  /** It is a replica, as after a failover. */
  | 'read_only'
  /** No Sentinel knows a master, or the replica has lost its master. */
  | 'failover'
  /** A write does not reach as many replicas as it must. */
  | 'replicas'
  /** It has reached `maxmemory` and evicts nothing. */
  | 'memory'
  /** It cannot write to its disk, and refuses writes for that. */
  | 'disk'
  /** It is still reading its data after a start. */
  | 'loading'
  /** A script of somebody else holds it up. */
  | 'busy'
  /** It has as many clients as it takes. */
  | 'clients'
  /** It did not respond in time. */
  | 'timeout'
  /** The connection was closed. */
  | 'closed'
  | 'other';

/** A failure of Redis whose message can be logged. The client's own error holds the command with its arguments. */
export class RedisFailure extends Error {
  override readonly name = 'RedisFailure';
  readonly reason: RedisCause;

  constructor(reason: RedisCause, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** By how the text of Redis or of its client begins. */
const TEXTS: readonly (readonly [RegExp, RedisCause])[] = [
  [/^(?:WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)|Last error: (?:WRONGPASS|NOAUTH)/, 'password'],
  [/^(?:NOPERM|ERR ACL)/, 'permission'],
  [/^READONLY/, 'read_only'],
  [/^(?:MASTERDOWN|All sentinels)/, 'failover'],
  [/^NOREPLICAS/, 'replicas'],
  [/^OOM/, 'memory'],
  [/^MISCONF/, 'disk'],
  [/^LOADING/, 'loading'],
  [/^BUSY /, 'busy'],
  [/^ERR max number of clients/, 'clients'],
  [/timed out|ETIMEDOUT/, 'timeout'],
  [/Connection is closed|Stream isn't writeable|aborted due to connection close/, 'closed'],
];

const CODES: readonly (readonly [RegExp, RedisCause])[] = [
  [/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'unreachable'],
  [/^(?:ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO|HOSTNAME_MISMATCH)/, 'tls'],
  [/^ETIMEDOUT$/, 'timeout'],
  [/^(?:ECONNRESET|EPIPE|ECONNABORTED)$/, 'closed'],
];

/** Tells the failures of Redis apart. */
export function redisCause(error: unknown): RedisCause {
  if (error instanceof RedisFailure) return error.reason;
  if (!(error instanceof Error)) return 'other';
  const code = codeOf(error);
  const byCode = CODES.find(([pattern]) => pattern.test(code));
  return (byCode ?? TEXTS.find(([pattern]) => pattern.test(error.message)))?.[1] ?? 'other';
}

const MAX_LENGTH = 300;

/** Older servers repeat the arguments of a command that they refuse, the password among them. */
const ARGUMENTS = /,? with args beginning with[\s\S]*/i;

/**
 * What an error of the Redis client may say in a log or a metric. The error itself is never passed on: it holds the command
 * that failed with its arguments, and the arguments of AUTH and HELLO are the password.
 * @param url the URL of the Redis, whose password must not be repeated
 * @param more other passwords
 */
export function redisErrorText(error: unknown, url: string, more: readonly string[] = []): string {
  if (!(error instanceof Error)) return 'Redis failed in an unknown way.';
  const code = codeOf(error);
  const text = toLine(error.message.replace(ARGUMENTS, ''), MAX_LENGTH);
  // An AggregateError, which a host with several addresses leads to, has no text of its own.
  if (text === '') return code === '' ? error.name : code;
  if (![...passwordsOf(url), ...more].some((password) => text.includes(password))) return text;
  return `Redis refused a command: ${/^[A-Z]+\b/.exec(text)?.[0] ?? error.name}`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The password in a URL of Redis, in each form in which it might be repeated. */
export function passwordsOf(url: string): readonly string[] {
  const parsed = URL.parse(url);
  const given = [parsed?.password ?? '', parsed?.searchParams.get('password') ?? ''];
  return [...given, ...given.map(decode)].filter((password) => password !== '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign of its own: the client takes the password as it stands.
    return text;
  }
}
