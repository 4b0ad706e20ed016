import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startOnSandbox } from '../support/service.ts';
import { registry } from '../support/v2/declared.ts';

const text = readFileSync(resolve('docs/v2.md'), 'utf8');

/** Every command of the page, with the output that it shows. */
const commands = [...text.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1).trim() };
    }),
);

test('the commands of docs/v2.md print what the page shows', async ({ skip }) => {
  const PATH = `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`;
  const shell = (command: string) =>
    promisify(execFile)('bash', ['-c', command], { env: { ...process.env, PATH } });
  const hasCurl = await shell('command -v curl').then(
    () => true,
    () => false,
  );
  skip(!hasCurl, 'curl is not here');
  const { app } = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  expect(commands).toHaveLength(5);
  for (const { command, output } of commands) {
    const { stdout } = await shell(
      command.replace('127.0.0.1:50051', app.grpcAddress).replace('127.0.0.1:8005', app.httpAddress ?? ''),
    );
    // The parts between the dots, in their order and from the very start.
    let rest = stdout.trim();
    for (const [index, part] of output.split('…').entries()) {
      const at = rest.indexOf(part.trim());
      expect(at, `${command}\n${stdout}`).toBeGreaterThanOrEqual(0);
      if (index === 0) expect(at, command).toBe(0);
      rest = rest.slice(at + part.trim().length);
    }
  }
});

test('docs/v2.md names only rpcs that the contract has', () => {
  const named = [...text.matchAll(/\b(\w+Service)\/(\w+)/g)];
  expect(named.length).toBeGreaterThan(3);
  for (const [whole, service, rpc] of named) {
    const methods = registry.getService(`vultr.v2.${service}`)?.methods.map(({ name }) => name);
    expect(methods, whole).toContain(rpc);
  }
});
