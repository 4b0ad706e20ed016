import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KEY, startOnSandbox } from '../support/service.ts';
import { newFolder, runProgram } from './toolbox.ts';

/** Fetching the libraries and compiling them takes minutes on a slow machine. */
const PATIENCE_MS = 900_000;

const page = await readFile('docs/clients.md', 'utf8');

/** One language of the page. */
interface Language {
  readonly name: string;
  /** Programs that have to be at hand. */
  readonly needs: readonly string[];
  /** Whether its first build takes many minutes, which are spent only when `FOREIGN_CLIENTS=all` asks for it. */
  readonly isSlow?: boolean;
  /** What to do before the commands of the page. */
  readonly prepare?: (folder: string) => Promise<void>;
}

const LANGUAGES: readonly Language[] = [
  { name: 'Go', needs: ['go'] },
  { name: 'Python', needs: ['python3'] },
  { name: 'TypeScript', needs: ['npm'] },
  { name: 'Rust', needs: ['cargo'], isSlow: true },
  { name: 'Java', needs: ['java', 'mvn'], isSlow: true, prepare: useMaven39 },
  { name: 'C#', needs: ['dotnet'] },
];

/** The page asks for Maven 3.9. Distributions have older ones, which can fetch it. */
async function useMaven39(folder: string): Promise<void> {
  const { stdout } = await runProgram('mvn', ['-v']);
  if (!/Maven 3\.[0-8]\./.test(stdout)) return;
  await runProgram('mvn', ['-q', 'wrapper:wrapper', '-Dmaven=3.9.11'], { cwd: folder });
  const script = join(folder, 'run.sh');
  await writeFile(script, (await readFile(script, 'utf8')).replace(/^mvn /m, './mvnw '));
}

/** Writes the files of a language into a folder, and its commands as run.sh. */
async function extract(language: string, folder: string, httpAddress: string): Promise<void> {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${language}\n`));
  const files = [...(section ?? '').matchAll(/^`([^`\n]+)`:\n\n```\w*\n(.*?)^```/gms)];
  const commands = /^```sh\n(.*?)^```/ms.exec(section ?? '')?.[1];
  if (files.length === 0 || commands === undefined)
    throw new Error(`The page has no program in ${language}.`);
  for (const [, name = '', text = ''] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await writeFile(join(folder, 'run.sh'), `set -e\n${commands.replaceAll('127.0.0.1:8005', httpAddress)}`);
}

/** Why a registry could not be reached, as the tools say it. */
const UNREACHABLE =
  /could not resolve|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|dial tcp|Temporary failure in name|Network is unreachable|UnknownHost|timed out|download of config.json failed/i;

describe('the programs of docs/clients.md', () => {
  test('are those of six languages', () => {
    const titles = [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(LANGUAGES.map(({ name }) => name));
  });

  for (const { name, needs, prepare, isSlow = false } of LANGUAGES) {
    test(
      `${name}: lists, creates once, watches, and reads a refusal`,
      async ({ skip }) => {
        const leave = (reason: string): void => {
          process.stderr.write(`skipped: ${reason}\n`);
          skip(true, reason);
        };
        if (isSlow && process.env['FOREIGN_CLIENTS'] !== 'all')
          leave(`the first build in ${name} takes many minutes; FOREIGN_CLIENTS=all includes it`);
        for (const program of ['curl', ...needs]) {
          const found = await runProgram('bash', ['-c', `command -v ${program}`]).catch(() => undefined);
          if (found === undefined) leave(`${program} is not here`);
        }
        const { app, sandbox } = await startOnSandbox(
          { httpListen: { host: '127.0.0.1', port: 0 } },
          { timeScale: 100 },
        );
        const folder = await newFolder();
        await extract(name, folder, app.httpAddress ?? '');
        const env = {
          VULTR_GRPC: app.grpcAddress,
          VULTR_API_KEY: KEY,
          CARGO_TARGET_DIR: join(tmpdir(), 'vultr-grpc-tools', 'cargo'),
        };
        try {
          await prepare?.(folder);
          const { stdout } = await runProgram('bash', ['run.sh'], {
            cwd: folder,
            env,
            timeoutMs: PATIENCE_MS,
          });
          const lines = stdout
            .split('\n')
            .filter((line) => /^(?:regions|created|state|again|reason|field):/.test(line));
          const [regions, created, ...others] = lines;
          const id = created?.slice('created: '.length);
          expect(regions).toMatch(/^regions: \d\d$/);
          expect(others[0]).toMatch(/^state: /);
          expect(others.slice(-4)).toEqual([
            'state: active ok',
            `again: ${id}`,
            'reason: INVALID_REQUEST',
            'field: instance_id',
          ]);
          expect(sandbox.state.instancesCreated).toBe(1);
        } catch (thrown) {
          if (!UNREACHABLE.test(String(thrown))) throw thrown;
          leave(`a registry is out of reach: ${String(thrown).slice(-300)}`);
        }
      },
      PATIENCE_MS,
    );
  }
});
