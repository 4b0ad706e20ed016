import { readTlsFiles, type TlsFiles, TlsFilesError, type TlsMaterial } from './tls-files.ts';
import { watchFiles } from './watch-files.ts';

/** Certificates that follow their files. */
export interface TlsProvider extends Disposable {
  /** The last good ones. */
  readonly current: TlsMaterial;
  /**
   * Passes every new pair to a server (`tls.Server.setSecureContext`). New connections use it; existing ones stay as they
   * are.
   */
  follow(server: { setSecureContext(options: TlsMaterial['options']): void }): void;
}

/** The options of a provider. */
export interface TlsProviderOptions {
  readonly files: TlsFiles;
  /** Called when a new pair is in use. */
  readonly onReload: (material: TlsMaterial) => void;
  /** Called once for each bad state of the files; the last good ones stay in use. */
  readonly onError: (message: string) => void;
  /** As in watchFiles. */
  readonly intervalMs?: number;
}

/** Reads the files and watches them. Rejects with a TlsFilesError when they are not right at the start. */
export async function openTls({
  files,
  onReload,
  onError,
  intervalMs,
}: TlsProviderOptions): Promise<TlsProvider> {
  let current = await readTlsFiles(files);
  const servers: Parameters<TlsProvider['follow']>[0][] = [];

  async function reload(): Promise<void> {
    try {
      const next = await readTlsFiles(files);
      if (isSame(next, current)) return;
      for (const server of servers) server.setSecureContext(next.options);
      current = next;
    } catch (error) {
      onError(error instanceof TlsFilesError ? error.message : String(error));
      return;
    }
    onReload(current);
  }

  const watch = watchFiles({
    files: () => [files.cert, files.key, files.ca, files.crl].filter((path) => path !== undefined),
    onChange: reload,
    ...(intervalMs !== undefined && { intervalMs }),
  });
  return {
    get current() {
      return current;
    },
    follow: (server) => void servers.push(server),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

function isSame({ options: one }: TlsMaterial, { options: other }: TlsMaterial): boolean {
  return (['cert', 'key', 'ca', 'crl'] as const).every((name) => String(one[name]) === String(other[name]));
}
