import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readBundledContract } from '../../src/contract/bundled.ts';

/** Runs `vultr-grpc` to its end. Rejects with what it wrote to stderr when it fails. */
async function run(...args: string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(process.execPath, [resolve('bin/vultr-grpc.js'), ...args], {
    encoding: 'buffer',
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

test('vultr-grpc openapi prints the document without a running service', async () => {
  const [json, yaml] = await Promise.all([run('openapi'), run('openapi', '--format', 'yaml')]);
  const document = JSON.parse(json.toString());
  expect(document).toMatchObject({ openapi: '3.1.1', info: { title: 'vultr-grpc' } });
  expect(parse(yaml.toString())).toEqual(document);
});

test('vultr-grpc protoset prints the contract, byte for byte', async () => {
  expect((await run('protoset')).equals(Buffer.from(await readBundledContract()))).toBe(true);
});

test.each([
  ['openapi', '--format', 'xml'],
  ['openapi', '--unknown'],
  ['protoset', 'more'],
])('vultr-grpc %s %s is refused with exit code 2', async (...args) => {
  await expect(run(...args)).rejects.toMatchObject({ code: 2 });
});

test.each(['openapi', 'protoset'])('vultr-grpc %s --help explains itself', async (command) => {
  expect((await run(command, '--help')).toString()).toContain(`vultr-grpc ${command}`);
});
