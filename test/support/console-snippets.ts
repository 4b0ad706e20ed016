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
    block.split(/^\$ /m).slice(1).map(readSnippet),
  );
}

/** A command is one line, or goes on to the end of its here-document (`<<END`), or after a backslash. */
function readSnippet(text: string): Snippet {
  const lines = text.split('\n');
  const [first = ''] = lines;
  const word = /<<(\w+)/.exec(first)?.[1];
  const last = word === undefined ? lines.findIndex((line) => !line.endsWith('\\')) : lines.indexOf(word);
  return {
    command: lines.slice(0, last + 1).join('\n'),
    output: lines
      .slice(last + 1)
      .join('\n')
      .trim(),
  };
}

/** The environment in which snippets run: with the tools that come with the dependencies. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`,
};

/** The program that a snippet starts with, when it is one that a machine may not have, and this one has not. */
export function missingTool({ command }: Snippet): string | undefined {
  const [tool = ''] = command.split(' ');
  if (!['grpcurl', 'curl', 'openssl'].includes(tool)) return undefined;
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

/**
 * Starts a shell. It ends with the test, or with the file, and with it what runs in its background.
 * @param folder where it stands, and where services that it starts keep their state
 */
export function startShell(folder: string): Shell {
  const shell = spawn('bash', [], {
    cwd: folder,
    env: { ...ENVIRONMENT, XDG_STATE_HOME: folder },
    stdio: ['pipe', 'pipe', 'inherit'],
    // A process group of its own, so that what runs in the background can be ended, too.
    detached: true,
  });
  const { pid } = shell;
  if (pid === undefined) throw new Error('There is no bash.');
  const ended = once(shell, 'exit');
  closeAtEnd(async () => {
    process.kill(-pid, 'SIGKILL');
    await ended;
  });
  const failed = ended.then(([code]) => {
    throw new Error(`The shell ended with ${code}.`);
  });
  failed.catch(() => undefined);
  const end = '--- end of output ---';
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
      shell.stdin.write(`{ ${untilItSpeaks(command)}\n} 2>&1\necho '${end}'\n`);
    });
    return Promise.race([output, failed]);
  };
}

/** What runs in the background is awaited until it has printed its first line, or has ended. */
function untilItSpeaks(command: string): string {
  const background = /^(.*) &$/s.exec(command)?.[1];
  if (background === undefined) return command;
  return `{ ${background}\n} > .printed &
until [ -s .printed ] || ! kill -0 $!; do sleep 0.05; done; cat .printed`;
}
