import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, startApp } from '../../src/app/app.ts';
import { readServeConfig } from '../../src/config/read.ts';
import { createLogger } from '../../src/telemetry/log.ts';

/** One command of the README with the output that it shows. */
interface Step {
  readonly command: string;
  readonly output: string;
}

const readme = readFileSync('README.md', 'utf8');

/** The commands of every `console` block, in order; the shell that runs them is one, so that variables last. */
const steps: readonly Step[] = [...readme.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.split('\n');
      return { command, output: output.join('\n').trim() };
    }),
);

/** The program a command starts with, when it is one that a machine may not have. */
function missingTool({ command }: Step): string | undefined {
  const [tool = ''] = command.split(' ');
  if (!['grpcurl', 'curl', 'buf'].includes(tool)) return undefined;
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { env: env(), stdio: 'ignore' });
    return undefined;
  } catch {
    return tool;
  }
}

function env(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}` };
}

/** Whether the pieces between the dots stand in the real output, in order, the first and last at its ends. */
function matches(actual: string, shown: string): boolean {
  const pieces = shown.split('…').map((piece) => piece.trim());
  let from = 0;
  for (const piece of pieces) {
    const found = actual.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  const [first = '', last = ''] = [pieces[0], pieces.at(-1)];
  return actual.trim().startsWith(first) && actual.trim().endsWith(last);
}

describe('the README', () => {
  let app: App;
  let folder: string;
  let shell: ReturnType<typeof spawn>;

  beforeAll(async () => {
    const args = [
      '--upstream',
      'sandbox',
      '--grpc',
      '127.0.0.1:0',
      '--http',
      '127.0.0.1:0',
      '--sandbox-speed',
      '30',
    ];
    app = await startApp(readServeConfig(args, {}), createLogger({ level: 'silent', format: 'json' }));
    folder = mkdtempSync(join(tmpdir(), 'readme-'));
    for (const name of ['src', 'node_modules', 'package.json'])
      symlinkSync(resolve(name), join(folder, name));
    writeFileSync(join(folder, 'client.ts'), here(/```ts\n(\/\/ client\.ts.*?)```/s.exec(readme)?.[1] ?? ''));
    shell = spawn('bash', [], { cwd: folder, env: env(), stdio: ['pipe', 'pipe', 'inherit'] });
  });

  afterAll(async () => {
    shell.kill();
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A text of the README with the addresses of this run. */
  function here(text: string): string {
    return text
      .replaceAll('127.0.0.1:50051', app.grpcAddress)
      .replaceAll('127.0.0.1:8005', app.httpAddress ?? '');
  }

  /** Runs a command in the shell of the whole README and returns what it printed. */
  function run(command: string): Promise<string> {
    const end = '--- end of output ---';
    return new Promise((settle) => {
      let printed = '';
      const listen = (chunk: Buffer): void => {
        printed += chunk.toString();
        if (!printed.includes(end)) return;
        shell.stdout?.off('data', listen);
        settle(printed.slice(0, printed.indexOf(end)));
      };
      shell.stdout?.on('data', listen);
      shell.stdin?.write(`{ ${here(command)}\n} 2>&1\necho '${end}'\n`);
    });
  }

  it('has commands to try', () => {
    expect(steps.length).toBeGreaterThan(8);
  });

  for (const step of steps) {
    const tool = missingTool(step);
    it.skipIf(tool !== undefined)(
      `shows what this prints: ${step.command.slice(0, 90)}${tool === undefined ? '' : ` (left out: ${tool} is not here)`}`,
      async () => {
        const actual = await run(step.command);
        if (!matches(actual, step.output)) expect(actual).toBe(step.output);
      },
    );
  }
});
