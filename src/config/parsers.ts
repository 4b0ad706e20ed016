import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { isApiKey } from '../base/api-key.ts';

/** Where a server listens. */
export interface ListenAddress {
  /** A name, or an address without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** The folder of the XDG Base Directory Specification; the shell's notation, so that it reads the same for everybody. */
export const DEFAULT_STATE_DIR = '$XDG_STATE_HOME/vultr-grpc';

/** Reads where the Vultr API is. Throws an Error whose message says what the value must be. */
export function parseUpstream(text: string): URL | 'sandbox' {
  if (text === 'sandbox') return 'sandbox';
  const expected =
    'must be "sandbox", or an http or https URL without a user, query, fragment or trailing /v2, for example https://api.vultr.com';
  if (!URL.canParse(text)) throw new Error(expected);
  const url = new URL(text);
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isPlain = isBare && !/\/v2\/*$/.test(url.pathname);
  if (!['http:', 'https:'].includes(url.protocol) || !isPlain) throw new Error(expected);
  return url;
}

/** Reads an API key. Throws an Error whose message says what the value must be. */
export function parseKey(text: string): string {
  if (!isApiKey(text)) throw new Error('must be up to 512 printable ASCII characters without spaces');
  return text;
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws Error whose message says what the value must be
 */
export function parseListen(text: string): ListenAddress {
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const host = name.replace(/^\[(.*)\]$/, '$1');
  const isHost = name.startsWith('[') ? isIP(host) === 6 : /^[A-Za-z0-9.-]+$/.test(host);
  if (!isHost || Number(port) > 65_535)
    throw new Error('must be host:port, for example 127.0.0.1:50051 or [::1]:0');
  return { host, port: Number(port) };
}

/** Writes an address the way parseListen reads it. */
export function formatListen({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Reads names of hosts, without ports, separated by commas; "none" is an empty list.
 * @throws Error whose message says what the value must be
 */
export function parseHosts(text: string): readonly string[] {
  return parseList(
    text,
    'must be "none" or host names without ports, for example vultr.example,10.0.0.7',
    (host) => /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(host),
  );
}

/**
 * Reads the origins of web pages, separated by commas; "none" is an empty list.
 * @throws Error whose message says what the value must be
 */
export function parseOrigins(text: string): readonly string[] {
  return parseList(
    text,
    'must be "none", "*" or origins, for example https://console.example',
    (origin) => origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin),
  );
}

function parseList(text: string, expected: string, isValid: (one: string) => boolean): readonly string[] {
  if (text === 'none') return [];
  const list = text.split(',').map((one) => one.trim().toLowerCase());
  if (!list.every(isValid)) throw new Error(expected);
  return list;
}

/** Reads the path of a file, which counts from the working folder. Throws an Error whose message says what it must be. */
export function parsePath(text: string): string {
  if (text === '' || text.includes('\0')) throw new Error('must be the path of a file');
  return resolve(text);
}

/** Reads "on" or "off". Throws an Error whose message says what the value must be. */
export function parseSwitch(text: string): boolean {
  return oneOf(['on', 'off'])(text) === 'on';
}

/** Makes a reader of one of several words. Throws an Error whose message says what the value must be. */
export function oneOf<const T extends readonly string[]>(choices: T): (text: string) => T[number] {
  return (text) => {
    if (!choices.includes(text)) throw new Error(`must be one of ${choices.join(', ')}`);
    return text as T[number];
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Writes a whole number of milliseconds in the largest unit that divides it. */
function formatDuration(ms: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => ms % each === 0 && ms > 0) ?? ['s', 1];
  return `${ms / size}${unit}`;
}

/** Makes a reader of a time with its unit, as milliseconds. Throws an Error whose message says what the value must be. */
export function parseDuration(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
    const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
    if (!(ms >= minMs && ms <= maxMs)) {
      throw new Error(
        `must be a duration with a unit (ms, s, m, h), from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, for example 30s`,
      );
    }
    return Math.round(ms);
  };
}

/**
 * Reads how many times faster than real time a sandbox runs.
 * @throws Error whose message says what the value must be
 */
export function parseSpeed(text: string): number {
  const speed = Number(text);
  if (!(speed > 0 && speed <= 10_000)) throw new Error('must be a number above 0 and at most 10000');
  return speed;
}

/** Makes a reader of a number. Throws an Error whose message says what the value must be. */
export function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`must be a number from ${min} to ${max}`);
    return value;
  };
}

/** Makes a reader of a whole number. Throws an Error whose message says what the value must be. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

/** Reads a percentage, as a part of 1. Throws an Error whose message says what the value must be. */
export function parsePercent(text: string): number {
  const percent = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(percent >= 0 && percent < 100))
    throw new Error('must be a percentage of at least 0% and below 100%, for example 10%');
  return percent / 100;
}

/** Reads a percentage above 0 as a number up to 1. Throws an Error whose message says what the value must be. */
export function parseShare(text: string): number {
  const percent = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(percent > 0 && percent <= 100))
    throw new Error('must be a percentage above 0% and up to 100%, for example 25%');
  return percent / 100;
}

/** Reads the folder of what has to survive a restart; undefined: memory. Throws an Error whose message says what the value must be. */
export function parseStateDir(text: string): string | undefined {
  if (text === 'memory') return undefined;
  if (text !== DEFAULT_STATE_DIR) return resolve(text);
  // An empty or relative value counts as unset (the specification says so).
  const given = process.env['XDG_STATE_HOME'] ?? '';
  return join(isAbsolute(given) ? given : join(homedir(), '.local', 'state'), 'vultr-grpc');
}

/** Reads the URL of a Redis. Throws an Error whose message says what the value must be. */
export function parseRedisUrl(text: string): string {
  const { protocol = '', hostname = '' } = URL.parse(text) ?? {};
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '')
    throw new Error('must be a redis:// or rediss:// URL');
  return text;
}

/** Reads addresses, `host:port`, separated by commas. Throws an Error whose message says what the value must be. */
export function parseAddresses(text: string): readonly ListenAddress[] {
  return text.split(',').map((one) => parseListen(one.trim()));
}

/** Reads the start of keys in Redis. Throws an Error whose message says what the value must be. */
export function parsePrefix(text: string): string {
  if (!/^[\x21-\x7e]{1,100}$/.test(text))
    throw new Error('must be up to 100 printable ASCII characters without spaces, for example vultr-grpc:');
  return text;
}

/** Reads a password. Throws an Error whose message says what the value must be. */
export function parseSecret(text: string): string {
  if (/[\0\r\n]/.test(text)) throw new Error('must be text on one line');
  return text;
}
