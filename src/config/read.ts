import { resolveBudget } from '../vultr/budget/options.ts';
import { findAccessFaults } from './access-faults.ts';
import { readFlags } from './flags.ts';
import { findRedisFaults } from './redis-settings.ts';
import type { Setting, SettingsOf } from './setting.ts';
import { SANDBOX_SETTINGS, type SandboxConfig, SERVE_SETTINGS, type ServeConfig } from './settings.ts';

/** The environment variables that settings are read from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Says everything that is wrong with the settings, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings of `serve`. A flag beats the environment variable, which beats the default.
 * @throws ConfigError that lists every mistake
 */
export function readServeConfig(args: readonly string[], env: Environment): ServeConfig {
  const config = readSettings(SERVE_SETTINGS, args, env);
  const faults = [findReserveFault(config) ?? [], findAccessFaults(config), findRedisFaults(config)].flat();
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return config;
}

/**
 * Reads the settings of `sandbox` in the same way.
 * @throws ConfigError that lists every mistake
 */
export function readSandboxConfig(args: readonly string[], env: Environment): SandboxConfig {
  return readSettings(SANDBOX_SETTINGS, args, env);
}

/**
 * Takes the secrets out of the environment of the process. What is left is what child processes, diagnostic reports and
 * libraries can see.
 * @returns the environment as it was
 */
export function takeEnvironment(env: NodeJS.ProcessEnv): Environment {
  const whole = { ...env };
  for (const { env: name, flag } of Object.values<Setting<unknown>>(SERVE_SETTINGS)) {
    if (flag === undefined) delete env[name];
  }
  return whole;
}

/** The reserve has to cover the jitter of the network, and how much that is depends on the rate. */
function findReserveFault({ rate, reserve }: ServeConfig): string | undefined {
  if (rate === undefined || isEnough(rate, reserve)) return undefined;
  const { flag, env } = SERVE_SETTINGS.reserve;
  const percents = Array.from({ length: 100 }, (_, percent) => percent);
  const least = percents.find((percent) => isEnough(rate, percent / 100));
  return `--${flag} or ${env} must be at least ${least}% at a rate of ${rate} requests per second; the reserve covers the jitter of the network.`;
}

function isEnough(ratePerSecond: number, reserve: number): boolean {
  try {
    resolveBudget({ ratePerSecond, reserve });
    return true;
  } catch {
    return false;
  }
}

function readSettings<Config>(
  settings: SettingsOf<Config>,
  args: readonly string[],
  env: Environment,
): Config {
  const entries = Object.entries<Setting<unknown>>(settings);
  const flags = readFlags(
    args,
    entries.flatMap(([, { flag }]) => flag ?? []),
  );
  const faults = [...flags.faults];
  const values = entries.map(([name, setting]) => {
    const { text, source } = find(setting, flags.values, env);
    try {
      return [name, text === undefined ? undefined : setting.parse(text)];
    } catch (error) {
      // The value of a secret is not repeated.
      const value = setting.flag === undefined ? '' : ` is ${JSON.stringify(withoutUser(text ?? ''))}; it`;
      faults.push(`${source}${value} ${error instanceof Error ? error.message : String(error)}.`);
      return [name, undefined];
    }
  });
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return Object.fromEntries(values) as Config;
}

function find(
  { flag, env: variable, default: byDefault }: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  env: Environment,
): { text: string | undefined; source: string } {
  const given = flag === undefined ? undefined : flags.get(flag);
  if (given !== undefined) return { text: given, source: `--${flag}` };
  // An empty variable counts as absent, as it does for most programs.
  return { text: env[variable] || byDefault, source: variable };
}

/** A URL without the user and password that somebody may have put into it. */
function withoutUser(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@');
}
