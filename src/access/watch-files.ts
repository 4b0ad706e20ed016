import { stat } from 'node:fs/promises';

/** The options of watching a set of files. */
export interface WatchOptions {
  /** The files to watch now; the set may change with their content. */
  readonly files: () => readonly string[];
  /** Called when one of them has changed. */
  readonly onChange: () => void | Promise<void>;
  /** Default 200. A change is reported after two polls, so within half a second. */
  readonly intervalMs?: number;
}

/**
 * Watches files by polling them: the file system sends no events for mounted secrets and config maps, whose files are links
 * that are switched, and none over networks. A file that is being written is left alone until two polls find it the same. The
 * first poll can report a change, too, since the file may have changed after it was first read.
 */
export function watchFiles({ files, onChange, intervalMs = 200 }: WatchOptions): Disposable {
  let told: string | undefined;
  let previous: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isDone = false;

  async function poll(): Promise<void> {
    const seen = (await Promise.all(files().map(fingerprint))).join('\n');
    const isSettled = seen === previous;
    previous = seen;
    if (isSettled && seen !== told) {
      told = seen;
      await onChange();
    }
  }

  function schedule(): void {
    if (isDone) return;
    timer = setTimeout(() => void poll().finally(schedule), intervalMs);
    timer.unref();
  }

  schedule();
  return {
    [Symbol.dispose]: () => {
      isDone = true;
      clearTimeout(timer);
    },
  };
}

/** A text that changes with a file: a link that is switched leads to another inode. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${path} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return `${path} gone`;
  }
}
