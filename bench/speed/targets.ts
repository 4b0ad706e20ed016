import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { packageOf } from './package.ts';
import { type Command, start, type Target } from './process.ts';
import type { PeerName, ServiceName } from './rows.ts';

/** The core of what is measured, and the one of those who ask and of the upstream. */
export const CORES = { server: 0, load: 1 } as const;

const ANY_PORT = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];
/** Nothing is refused: what counts is what a call costs, however many there are. */
const UNCACHED = ['--cache-fresh', 'off', '--shed-delay', 'off'];

/** What each service is started with, besides the upstream. */
const FLAGS: Readonly<Record<ServiceName, readonly string[]>> = {
  default: [],
  direct: [...UNCACHED, '--rate', 'off'],
  budget: [...UNCACHED, '--rate', '100000'],
};

/** The packages that a peer finds where the service finds them. */
const PEER_PACKAGES = ['@grpc/grpc-js', 'undici'];

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Starts what the bench compares. Everything runs until it is closed. */
export interface Targets {
  /**
   * The service as its users run it, from a built package.
   * @param checkout whose service it is; default: this one
   * @param env further variables of its environment
   * @param core where it runs; default: on the core of what is measured
   */
  service(
    name: ServiceName,
    checkout?: string | undefined,
    env?: Readonly<Record<string, string>>,
    core?: number,
  ): Promise<Target>;
  /** Undefined: it is not installed here. */
  peer(name: PeerName): Promise<Target | undefined>;
  close(): Promise<void>;
}

/** Starts the upstream, and gets ready to start the rest. */
export async function openTargets(): Promise<Targets> {
  const folder = await mkdtemp(join(tmpdir(), 'vultr-grpc-speed-'));
  const running: Target[] = [];
  const run = async (command: Omit<Command, 'core'>, core: number = CORES.server): Promise<Target> => {
    const target = await start({ ...command, core });
    running.push(target);
    return target;
  };
  const node = (name: string, file: string, args: readonly string[]) => ({
    name,
    command: process.execPath,
    args: [file, ...args],
  });
  const upstream = await run(node('upstream', here('./upstream.ts'), []), CORES.load);
  let peers: Promise<string> | undefined;
  return {
    service: (name, checkout = here('../..'), env = {}, core = CORES.server) => {
      const flags = ['--upstream', `http://${upstream.http}`, ...ANY_PORT, ...FLAGS[name]];
      const command = node(name, join(packageOf(checkout), 'bin/vultr-grpc.js'), ['serve', ...flags]);
      const number = running.length;
      const environment = { STATE_DIR: join(folder, `state-${number}`), ...env };
      return run({ ...command, env: environment, logFile: join(folder, `log-${number}`) }, core);
    },
    peer: async (name) => {
      if (name === 'go') {
        const binary = buildGo(folder);
        if (binary === undefined) return undefined;
        return await run({ name, command: binary, args: ['-upstream', `http://${upstream.http}`] });
      }
      peers ??= buildPeers(folder);
      const logFile = join(folder, `log-${running.length}`);
      return await run(node(name, await peers, [name, upstream.http, logFile]));
    },
    close: async () => {
      await Promise.all(running.map((target) => target.stop()));
      rmSync(folder, { recursive: true });
    },
  };
}

/**
 * Makes JavaScript of the peers, as the package is: with what reads TypeScript in it a process holds more (docs/performance.md).
 * @returns the file
 */
async function buildPeers(folder: string): Promise<string> {
  const build = await rolldown({ input: here('./peer.ts'), platform: 'node', external: PEER_PACKAGES });
  const file = join(folder, 'peers', 'peer.mjs');
  await build.write({ file });
  await build.close();
  symlinkSync(here('../../node_modules'), join(folder, 'node_modules'));
  return file;
}

/** Builds the service in Go; undefined when that cannot be done here. */
function buildGo(folder: string): string | undefined {
  const binary = join(folder, 'go-service');
  try {
    execFileSync('go', ['build', '-o', binary, '.'], {
      cwd: here('./go'),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return binary;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    process.stderr.write(`The service in Go is left out: ${why}\n`);
    return undefined;
  }
}
