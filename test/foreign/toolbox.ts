import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { closeAtEnd } from '../support/opened.ts';

/** What a program printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end, with this project's Node and tools in front. Rejects with what it printed when it fails or takes
 * too long.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs = 300_000 }: RunOptions = {},
): Promise<Printed> {
  const PATH = [dirname(process.execPath), resolve('node_modules/.bin'), process.env['PATH']].join(delimiter);
  try {
    return await promisify(execFile)(command, [...args], {
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, PATH, ...env },
      timeout: timeoutMs,
      maxBuffer: 2 ** 28,
    });
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as Partial<Printed>;
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`, {
      cause: thrown,
    });
  }
}

/** Tools that are there, or why they are not. */
export type Tools =
  | { readonly folder: string; readonly missing?: undefined }
  | { readonly folder?: undefined; readonly missing: string };

/**
 * Installs npm packages into a folder of their own below the temporary one, where later runs find them.
 * @param packages with their versions: `openapi-fetch@0.17.0`
 */
export async function npmTools(packages: readonly string[]): Promise<Tools> {
  return await install('npm', packages, async (folder) => {
    await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
    await runProgram('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: folder });
  });
}

/**
 * Installs Python packages into a virtual environment below the temporary folder, where later runs find them.
 * @param packages with their versions: `schemathesis==4.32.5`
 */
export async function pythonTools(packages: readonly string[]): Promise<Tools> {
  return await install('python', packages, async (folder) => {
    await runProgram('python3', ['-m', 'venv', folder]);
    await runProgram(join(folder, 'bin/pip'), ['install', '--quiet', ...packages]);
  });
}

/**
 * Builds Go programs into a folder below the temporary one, where later runs find them.
 * @param packages with their versions: `example.com/module/cmd/tool@v1.0.0`
 */
export async function goTools(packages: readonly string[]): Promise<Tools> {
  return await install('go', packages, async (folder) => {
    for (const each of packages)
      await runProgram('go', ['install', each], { cwd: folder, env: { GOBIN: folder } });
  });
}

/**
 * Fills a folder below the temporary one with tools, where later runs find them.
 * @param packages what is fetched, with the versions: the folder is named by it
 */
export async function install(
  kind: string,
  packages: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<Tools> {
  const hash = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), 'vultr-grpc-tools', `${kind}-${hash}`);
  const done = join(folder, 'installed');
  if (existsSync(done)) return { folder };
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await fill(folder);
    await writeFile(done, '');
    return { folder };
  } catch (thrown) {
    return { missing: `${packages.join(', ')}: ${String(thrown).slice(0, 300)}` };
  }
}

/** A new folder, which is removed when the running test ends. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vultr-grpc-test-'));
  closeAtEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
