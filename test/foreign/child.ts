import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A child process that is talked to in lines. */
export interface Child {
  /** The next line of its output. Rejects with what it wrote to its error output when it ends before that. */
  line(): Promise<string>;
  /** Writes to its input. */
  write(text: string): void;
  /** Ends it, and waits until it is gone. */
  stop(): Promise<void>;
}

/** Starts a program. The caller stops it. */
export function startChild(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: 'pipe' });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async line() {
      const { done, value } = await lines.next();
      if (done) {
        await ended;
        throw new Error(`${command} ${args.join(' ')} ended early:\n${errors}`);
      }
      return value;
    },
    write: (text) => {
      child.stdin.write(text);
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}
