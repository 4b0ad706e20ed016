import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes sure that there is a folder in which files can be made, and makes those above it.
 * @throws Error that says why there is none
 */
export async function prepareFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  await access(folder, constants.W_OK | constants.X_OK);
}

/** Not with mkdir's own `recursive`, which never returns below /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      if ((await stat(folder)).isDirectory()) return;
      throw new Error('there is a file of that name', { cause: error });
    }
    const parent = dirname(folder);
    if (code !== 'ENOENT' || parent === folder || (await exists(parent))) throw error;
    await makeFolder(parent);
    await mkdir(folder, { mode: 0o700 });
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** A file that is open, and may be deleted or replaced meanwhile. */
export interface OpenFile {
  /** Rejects when the file is not at its path any more: what is written to it then is lost. */
  check(): Promise<void>;
}

/** Remembers which file stands at a path now. */
export async function rememberFile(path: string): Promise<OpenFile> {
  const opened = await stat(path);
  return {
    check: async () => {
      const found = await stat(path).catch(() => undefined);
      if (found?.dev === opened.dev && found.ino === opened.ino) return;
      throw new Error(
        `${path} was deleted or replaced while the service was running. Put it back, or restart the service.`,
      );
    },
  };
}
