import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real redis-server on a free port, without persistence. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** The running process. */
  readonly process: () => ChildProcess;
  /** Kills it: its data is gone. */
  stop(): Promise<void>;
  /** Starts it again on the same port, empty. Resolves when it responses. */
  start(): Promise<void>;
}

/** The program: another one, such as a Valkey or a later Redis, is named by the variable. */
const REDIS_SERVER = process.env['REDIS_SERVER'] || 'redis-server';

/**
 * Starts one; undefined when there is no redis-server on this machine (Debian: `apt-get install redis-server`).
 * @param more further options of its command line
 */
export async function startRedisServer(more: readonly string[] = []): Promise<RedisServer | undefined> {
  const port = await freePort();
  let server: ChildProcess | undefined;
  let folder = '';

  async function start(): Promise<void> {
    folder = mkdtempSync(join(tmpdir(), 'redis-'));
    const plain = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    // A replica writes what its master has to its folder.
    const options = [...plain, '--dir', folder, ...more];
    server = spawn(REDIS_SERVER, options, { stdio: 'ignore' });
    await once(server, 'spawn');
    while (!(await responds(port))) {
      if (server.exitCode !== null) throw new Error(`${REDIS_SERVER} did not start: ${options.join(' ')}`);
      await delay(20);
    }
  }

  async function stop(): Promise<void> {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  }

  async function kill(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  try {
    await start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    process: () => {
      if (server === undefined) throw new Error('The redis-server was not started.');
      return server;
    },
    start,
    stop,
  };
}

/** A port of loopback that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port.');
  return address.port;
}

function responds(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
  socket.once('data', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
