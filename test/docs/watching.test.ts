import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const doc = readFileSync('docs/watching.md', 'utf8');
const contract = loadContract(readFileSync('src/gen/contract.binpb'));

/** Every command with the output that it shows. */
const steps = [...doc.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1).trim() };
    }),
);

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.skipIf(!hasCurl)(
  'the waits of docs/watching.md print what it shows (skipped without curl)',
  async () => {
    const { app } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }, { timeScale: 60 });
    const folder = mkdtempSync(join(tmpdir(), 'watching-'));
    closeAtEnd(() => rmSync(folder, { recursive: true, force: true }));
    for (const name of ['proto', 'buf.yaml', 'node_modules']) symlinkSync(resolve(name), join(folder, name));
    const end = '--- end of output ---';
    const script = steps
      .map(({ command }) => `${command}\necho '${end}'\n`)
      .join('')
      .replaceAll('127.0.0.1:8005', app.httpAddress ?? '')
      .replaceAll('127.0.0.1:50051', app.grpcAddress);
    const PATH = `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      cwd: folder,
      env: { ...process.env, PATH, VULTR_API_KEY: KEY },
    });
    const outputs = stdout.split(end).map((output) => output.trim());
    expect(steps.length).toBeGreaterThan(8);
    for (const [index, { command, output }] of steps.entries()) {
      const [first = '', last = first] = output.split('…');
      const actual = outputs[index] ?? '';
      if (!output.includes('…')) expect(actual, command).toBe(output);
      else
        expect([actual.startsWith(first), actual.endsWith(last)], `${command}\n${actual}`).toEqual([
          true,
          true,
        ]);
    }
  },
);

test('the named conditions of docs/watching.md are those of the contract', () => {
  const rows = [...doc.matchAll(/^\| (\w+Service\/\w+) \| (\w+) \| `(.*)` \|$/gm)];
  const shown = rows.map(([, rpc, name, source = '']) => [
    `vultr.v2.${rpc}`,
    name,
    source.replaceAll('\\|', '|'),
  ]);
  const stated = [...contract.operations.values()].flatMap(({ name, states }) =>
    Object.entries(states?.conditions ?? {}).map(([state, source]) => [name, state, source]),
  );
  expect(shown).toEqual(stated);
});
