import { parseArgs } from 'node:util';
import { SETTINGS, type ServeConfig, type Setting } from './settings.ts';

/** Settings that are wrong, all of them, each in a line that names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings of `serve`. A flag beats the environment variable, which beats the default.
 * @throws ConfigError that lists every wrong setting
 */
export function readServeConfig(args: readonly string[], env: NodeJS.ProcessEnv): ServeConfig {
  const faults: string[] = [];
  const flags = readFlags(args, faults);
  const values = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const { text, source } = find(setting, flags, env);
    if (text === undefined) return [name, undefined];
    try {
      return [name, setting.parse(text)];
    } catch (error) {
      // The value of a secret is not repeated.
      const value = setting.flag === undefined ? '' : ` is ${JSON.stringify(withoutUser(text))}, and`;
      faults.push(`${source}${value} has to be ${error instanceof Error ? error.message : String(error)}`);
      return [name, undefined];
    }
  });
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return Object.fromEntries(values) as ServeConfig;
}

function find(
  setting: Setting<unknown>,
  flags: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): { text: string | undefined; source: string } {
  const flag = setting.flag === undefined ? undefined : flags[setting.flag];
  if (typeof flag === 'string') return { text: flag, source: `--${setting.flag}` };
  const variable = env[setting.env];
  if (variable !== undefined && variable !== '') return { text: variable, source: setting.env };
  return { text: setting.default, source: setting.env };
}

function readFlags(args: readonly string[], faults: string[]): Readonly<Record<string, unknown>> {
  const flags = Object.values<Setting<unknown>>(SETTINGS).flatMap(({ flag }) => flag ?? []);
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' as const }]));
  const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${JSON.stringify(token.value)} is no flag`);
    if (token.kind !== 'option') continue;
    if (options[token.name] === undefined) faults.push(`${token.rawName} is no flag of vultr-grpc serve`);
    else if (token.value === undefined) faults.push(`${token.rawName} needs a value`);
  }
  return values;
}

/** A URL without the user and password that somebody may have put into it. */
function withoutUser(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@');
}
