import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';

let child: ChildProcess;
let port = 0;
let before = 0;

beforeEach(async () => {
  child = fork(resolve(import.meta.dirname, 'memory-child.ts'), {
    execArgv: ['--max-old-space-size=256'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  [{ port }] = (await once(child, 'message')) as [{ port: number }];
  before = await memoryMb();
});

afterEach(() => {
  child.kill('SIGKILL');
});

/** What the process holds. */
async function memoryMb(): Promise<number> {
  const reply = once(child, 'message');
  child.send({});
  const [{ heldMb }] = (await reply) as [{ heldMb: number }];
  return Math.round(heldMb);
}

/** Opens a connection, sends bytes and never reads. Resolves once they are sent, or the connection is gone. */
async function attack(bytes: string | Uint8Array): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port });
  closeAtEnd(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect').catch(() => undefined);
  await new Promise<void>((sent) => {
    socket.once('close', () => sent());
    socket.write(bytes, () => sent());
  });
  return socket;
}

const CHUNK = Buffer.alloc(999_000, ' ');
const POST =
  'POST /v2/instances HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n';

/**
 * What is done, on how many connections, and how many MB the process may hold then. The limits are 64 MB of bodies that arrive and
 * 64 MB of responses that nobody reads.
 */
test.each<[string, number, string | Uint8Array, number]>([
  [
    '68 000 pipelined requests behind a slow one',
    1,
    'GET /v2/account HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(68_000),
    10,
  ],
  [
    '100 connections with 2 500 pipelined requests each',
    100,
    'GET /v2/account HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_500),
    20,
  ],
  ['300 bodies of almost 1 MB that never end', 300, Buffer.concat([Buffer.from(POST), CHUNK]), 80],
  [
    '120 connections with 20 large responses each that nobody reads',
    120,
    'GET /v2/plans HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20),
    80,
  ],
])(
  '%s stay within a small heap, and probes are served',
  async (name, count, bytes, maxMb) => {
    for (let done = 0; done < count; done += 50) {
      await Promise.all(Array.from({ length: Math.min(50, count - done) }, () => attack(bytes)));
    }
    const probe = await sendHttp(`127.0.0.1:${port}`, 'GET', '/healthz');
    expect(probe.status).toBe(200);
    const growth = (await memoryMb()) - before;
    if (process.env['SHOW_MEMORY'] !== undefined) process.stdout.write(`${name}: ${before} + ${growth} MB\n`);
    expect(growth).toBeLessThan(maxMb);
    expect(child.exitCode).toBeNull();
  },
  60_000,
);
