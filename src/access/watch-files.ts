import { stat } from 'node:fs/promises';

/** How a set of files is watched. */
export interface WatchOptions {
  /** The files at this time; it may change with what they hold. */
  readonly files: () => readonly string[];
  /** Called when one of them has changed. */
  readonly onChange: () => void | Promise<void>;
  /** Default 200. A change is reported after two polls, so within half a second. */
  readonly intervalMs?: number;
}

/**
 * Watches files by polling them: the file system sends no events for mounted secrets and config maps, whose files are links
 * that are switched, and none over networks. A file that is being written is left alone until it is the same twice. The first
 * poll reports a change, too, since the file may have changed after it was first read.
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

/** What changes with a file: a link that is switched leads to another inode. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${path} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return `${path} gone`;
  }
}
