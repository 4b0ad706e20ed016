import { toLine } from './text.ts';

const MAX_LENGTH = 300;

/** Older servers repeat the arguments of a command that they refuse, the password among them. */
const ARGUMENTS = /,? with args beginning with[\s\S]*/i;

/**
 * What an error of the Redis client may say in a log or a metric. The error itself is never passed on: it holds the command
 * that failed with its arguments, and the arguments of AUTH and HELLO are the password.
 * @param url the URL of the Redis, whose password must not be repeated
 */
export function redisErrorText(error: unknown, url: string): string {
  if (!(error instanceof Error)) return 'Redis failed in an unknown way.';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const text = toLine(error.message.replace(ARGUMENTS, ''), MAX_LENGTH);
  // An AggregateError, which a host with several addresses leads to, has no text of its own.
  if (text === '') return code === '' ? error.name : code;
  if (!passwordsOf(url).some((password) => text.includes(password))) return text;
  return `Redis refused a command: ${/^[A-Z]+\b/.exec(text)?.[0] ?? error.name}`;
}

/** The password in each form in which it might be repeated. */
function passwordsOf(url: string): readonly string[] {
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
