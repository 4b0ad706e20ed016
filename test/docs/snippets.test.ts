import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type App, startApp } from '../../src/app/app.ts';
import { readServeConfig } from '../../src/config/read.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import {
  missingTool,
  readSnippets,
  type Shell,
  type Snippet,
  showsOutput,
  startShell,
} from '../support/console-snippets.ts';
import { closeAtEnd, openForFile } from '../support/opened.ts';

/** The documents whose commands are tried against a service on the sandbox, and how many commands they have at least. */
const DOCUMENTS = [
  { file: 'README.md', atLeast: 18 },
  { file: 'docs/v2.md', atLeast: 8 },
  { file: 'docs/access.md', atLeast: 10 },
  { file: 'docs/connect.md', atLeast: 5 },
  { file: 'docs/http.md', atLeast: 3 },
  { file: 'docs/errors.md', atLeast: 2 },
];

const FREE = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];

/** The addresses that documents name: those of a service that is there, and those of one that their commands start. */
const THERE = { grpc: '127.0.0.1:50051', http: '127.0.0.1:8005' };
const STARTED = { grpc: '127.0.0.1:50052', http: '127.0.0.1:8006' };

/** A service on a sandbox of its own, and a shell in a folder that looks like the checkout. */
async function open(document: string): Promise<{ run: Shell; here: (text: string) => string }> {
  const args = ['--upstream', 'sandbox', ...FREE, '--sandbox-speed', '30'];
  const app = await startApp(readServeConfig(args, {}), createLogger({ level: 'silent', format: 'json' }));
  closeAtEnd(() => app.close());
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  closeAtEnd(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['bin', 'src', 'proto', 'buf.yaml', 'node_modules', 'package.json'])
    symlinkSync(resolve(name), join(folder, name));
  const here = await addressesOf(app);
  const client = /```ts\n(\/\/ client\.ts.*?)```/s.exec(document)?.[1];
  if (client !== undefined) writeFileSync(join(folder, 'client.ts'), here(client));
  const shell = startShell(folder);
  return { run: (command) => shell(here(command)), here };
}

/** Puts the addresses of this run into a text of a document. */
async function addressesOf({ grpcAddress, httpAddress = '' }: App): Promise<(text: string) => string> {
  const [grpc = '', http = ''] = await freeAddresses(2);
  return (text) =>
    text
      .replaceAll(THERE.grpc, grpcAddress)
      .replaceAll(THERE.http, httpAddress)
      .replaceAll(STARTED.grpc, grpc)
      .replaceAll(STARTED.http, http);
}

/** Addresses that nobody listens on; the system gives them to nobody else for a while. */
async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (const server of servers) server.close();
  await Promise.all(servers.map((server) => once(server, 'close')));
  return addresses;
}

/** What makes the files that all later commands of a document need, when this machine has not got it. */
function missingMaker(snippets: readonly Snippet[]): string | undefined {
  const maker = snippets.find(({ command }) => command.startsWith('openssl '));
  return maker && missingTool(maker);
}

describe.each(DOCUMENTS)('$file', ({ file, atLeast }) => {
  const document = readFileSync(file, 'utf8');
  const snippets = readSnippets(document);
  const opened = openForFile(() => open(document));

  test('has commands to try', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(atLeast);
  });

  for (const snippet of snippets) {
    const tool = missingMaker(snippets) ?? missingTool(snippet);
    const isMissing = tool === undefined ? '' : ` (skipped: ${tool} is not installed)`;
    test.skipIf(tool !== undefined)(
      `shows what this prints: ${snippet.command.slice(0, 90)}${isMissing}`,
      async () => {
        const { run, here } = opened();
        const actual = await run(snippet.command);
        const shown = here(snippet.output);
        if (!showsOutput(actual, shown)) expect(actual).toBe(shown);
      },
    );
  }
});
