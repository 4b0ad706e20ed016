import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
  showsOutput,
  startShell,
} from '../support/console-snippets.ts';
import { closeAtEnd, openForFile } from '../support/opened.ts';

/** The documents whose commands are tried against a service on the sandbox, and how many commands they have at least. */
const DOCUMENTS = [
  { file: 'README.md', atLeast: 10 },
  { file: 'docs/v2.md', atLeast: 8 },
];

const FREE = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];

/** A service on a sandbox of its own, and a shell in a folder that looks like the checkout. */
async function open(document: string): Promise<{ run: Shell }> {
  const args = ['--upstream', 'sandbox', ...FREE, '--sandbox-speed', '30'];
  const app = await startApp(readServeConfig(args, {}), createLogger({ level: 'silent', format: 'json' }));
  closeAtEnd(() => app.close());
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  closeAtEnd(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['src', 'node_modules', 'package.json']) symlinkSync(resolve(name), join(folder, name));
  const client = /```ts\n(\/\/ client\.ts.*?)```/s.exec(document)?.[1];
  if (client !== undefined) writeFileSync(join(folder, 'client.ts'), here(client, app));
  const shell = startShell(folder);
  return { run: (command) => shell(here(command, app)) };
}

/** A text of a document with the addresses of this run. */
function here(text: string, { grpcAddress, httpAddress }: App): string {
  return text.replaceAll('127.0.0.1:50051', grpcAddress).replaceAll('127.0.0.1:8005', httpAddress ?? '');
}

describe.each(DOCUMENTS)('$file', ({ file, atLeast }) => {
  const document = readFileSync(file, 'utf8');
  const snippets = readSnippets(document);
  const opened = openForFile(() => open(document));

  test('has commands to try', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(atLeast);
  });

  for (const snippet of snippets) {
    const tool = missingTool(snippet);
    const isMissing = tool === undefined ? '' : ` (skipped: ${tool} is not installed)`;
    test.skipIf(tool !== undefined)(
      `shows what this prints: ${snippet.command.slice(0, 90)}${isMissing}`,
      async () => {
        const actual = await opened().run(snippet.command);
        if (!showsOutput(actual, snippet.output)) expect(actual).toBe(snippet.output);
      },
    );
  }
});
