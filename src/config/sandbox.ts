import { parseArgs } from 'node:util';
import { formatListen, parseListen, parseSpeed } from './parsers.ts';
import { ConfigError } from './read.ts';

/** The settings of `vultr-grpc sandbox`. */
export interface SandboxConfig {
  /** `host:port` */
  readonly listen: string;
  /** How many times faster than real time it lives. */
  readonly timeScale: number;
}

/**
 * Reads the flags of `sandbox`.
 * @throws ConfigError that lists every wrong flag; parseArgs's own error for one that is not known
 */
export function readSandboxConfig(args: readonly string[]): SandboxConfig {
  const { values } = parseArgs({
    args: [...args],
    options: {
      listen: { type: 'string', default: '127.0.0.1:8080' },
      speed: { type: 'string', default: '1' },
    },
  });
  const faults: string[] = [];
  const read = <T>(flag: 'listen' | 'speed', parse: (text: string) => T): T | undefined => {
    try {
      return parse(values[flag]);
    } catch (error) {
      const expected = error instanceof Error ? error.message : String(error);
      faults.push(`--${flag} is ${JSON.stringify(values[flag])}, and has to be ${expected}`);
      return undefined;
    }
  };
  const listen = read('listen', parseListen);
  const timeScale = read('speed', parseSpeed);
  if (listen === undefined || timeScale === undefined) throw new ConfigError(faults.join('\n'));
  return { listen: formatListen(listen), timeScale };
}
