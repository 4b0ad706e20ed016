import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, resolve } from 'node:path';
import { closeAtEnd } from './opened.ts';

/** One command of a document with the output that it shows. */
export interface Snippet {
  readonly command: string;
  readonly output: string;
}

/** The commands of every `console` block of a document, in order. */
export function readSnippets(document: string): readonly Snippet[] {
  return [...document.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...output] = part.split('\n');
        return { command, output: output.join('\n').trim() };
      }),
  );
}

/** The environment in which snippets run: with the tools that come with the dependencies. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`,
};

/** The program that a snippet starts with, when it is one that a machine may not have, and this one has not. */
export function missingTool({ command }: Snippet): string | undefined {
  const [tool = ''] = command.split(' ');
  if (!['grpcurl', 'curl'].includes(tool)) return undefined;
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { env: ENVIRONMENT, stdio: 'ignore' });
    return undefined;
  } catch {
    return tool;
  }
}

/** Whether the pieces between the dots stand in the real output, in order, the first and the last at its ends. */
export function showsOutput(actual: string, shown: string): boolean {
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

/** Runs the commands of a document one after the other, in one shell, so that its variables last. */
export type Shell = (command: string) => Promise<string>;

/** Starts a shell. It ends with the test, or with the file. */
export function startShell(folder: string): Shell {
  const shell = spawn('bash', [], { cwd: folder, env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'inherit'] });
  closeAtEnd(() => shell.kill());
  const end = '--- end of output ---';
  const ended = once(shell, 'exit').then(([code]) => {
    throw new Error(`The shell ended with ${code}.`);
  });
  ended.catch(() => undefined);
  return (command) => {
    const output = new Promise<string>((settle) => {
      let printed = '';
      const listen = (chunk: Buffer): void => {
        printed += chunk.toString();
        if (!printed.includes(end)) return;
        shell.stdout.off('data', listen);
        settle(printed.slice(0, printed.indexOf(end)));
      };
      shell.stdout.on('data', listen);
      shell.stdin.write(`{ ${command}\n} 2>&1\necho '${end}'\n`);
    });
    return Promise.race([output, ended]);
  };
}
