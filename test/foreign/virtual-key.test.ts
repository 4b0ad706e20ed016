import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';
import { writeCallersFile } from './callers-file.ts';

const run = promisify(execFile);

/** What a client tells of a call. */
interface Told {
  readonly status: number;
  readonly body: unknown;
  /** The name of the client's own error; undefined: it saw none. */
  readonly error?: string | undefined;
}

type Client = (url: string, key: string, method: string) => Promise<Told>;

const curl: Client = async (url, key, method) => {
  const args = ['-sS', '-X', method, '-H', `Authorization: Bearer ${key}`, '-w', '\\n%{http_code}', url];
  const { stdout } = await run('curl', args);
  const [status, ...lines] = stdout.split('\n').reverse();
  const failing = await run('curl', ['-f', ...args]).then(
    () => undefined,
    ({ code }: { code: number }) => `exit code ${code}`,
  );
  return { status: Number(status), body: JSON.parse(lines.reverse().join('\n')), error: failing };
};

const SCRIPT = `
import json, sys, urllib.error, urllib.request
url, key, method = sys.argv[1:]
request = urllib.request.Request(url, method=method, headers={"Authorization": "Bearer " + key})
try:
    with urllib.request.urlopen(request) as response:
        print(json.dumps({"status": response.status, "body": json.load(response)}))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code, "body": json.load(error), "error": type(error).__name__}))
`;

const python: Client = async (url, key, method) =>
  JSON.parse((await run('python3', ['-c', SCRIPT, url, key, method])).stdout);

const CLIENTS = [
  { name: 'curl', command: 'curl', client: curl, error: 'exit code 22' },
  { name: "Python's urllib", command: 'python3', client: python, error: 'HTTPError' },
];

describe.each(CLIENTS)(
  '$name with a virtual key (skipped without $command)',
  ({ command, client, error }) => {
    const isThere = spawnSync(command, ['--version']).status === 0;

    test.skipIf(!isThere)('gets what the Vultr key gets, and a denial as an error of Vultr', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-foreign-'));
      closeAtEnd(() => rmSync(folder, { recursive: true }));
      const { file, key } = writeCallersFile(folder, KEY, ['effect:read']);
      const httpListen = { host: '127.0.0.1', port: 0 };
      const { app, sandbox } = await startOnSandbox({ callersFile: file, httpListen });
      const base = `http://${app.httpAddress}`;
      const open = await startService({ upstream: new URL(sandbox.url), httpListen });
      const withoutCallers = `http://${open.app.httpAddress}`;
      for (const path of ['/v2/ssh-keys', '/v2/instances', '/v2/regions', '/v2/instances?per_page=1']) {
        const told = await client(base + path, key, 'GET');
        expect(told).toEqual(await client(withoutCallers + path, KEY, 'GET'));
        expect(told).toMatchObject({ status: 200 });
      }
      const denied = await client(`${base}/v2/snapshots/cb676a46-66fd-4dfb-b839-443f2e6c0b60`, key, 'DELETE');
      const message = expect.stringContaining(
        'The caller foreign may not call vultr.v2.SnapshotsService/DeleteSnapshot',
      );
      expect(denied).toMatchObject({ status: 403, body: { error: message, status: 403 }, error });
      const unknown = await client(`${base}/v2/account`, `${key.slice(0, -1)}_`, 'GET');
      expect(unknown).toMatchObject({ status: 401, body: { status: 401 }, error });
    });
  },
);
