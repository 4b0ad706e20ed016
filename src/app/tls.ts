import { basename } from 'node:path';
import { createServerTls, type ServerTls } from '../access/server-tls.ts';
import type { TlsFiles, TlsMaterial } from '../access/tls-files.ts';
import { openTls as openTlsFiles, type TlsProvider } from '../access/tls-reload.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** TLS on both sides of the service, with certificates that follow their files. */
export interface OpenedTls extends Disposable {
  /** Undefined: plain text. */
  readonly server: ServerTls | undefined;
  /** What connections to Vultr are made with, as of now; undefined: what Node has built in. */
  readonly upstream: (() => TlsMaterial['options']) | undefined;
}

/**
 * Reads the certificates that the settings name, and watches their files.
 * @throws TlsFilesError when they are not right at the start
 */
export function openTls(config: ServeConfig, log: Logger, { meter }: Metrics): OpenedTls {
  using stack = new DisposableStack();
  const open = (side: string, files: TlsFiles): TlsProvider =>
    stack.use(
      openTlsFiles({
        files,
        onReload: () => log.info({ side }, 'certificates reloaded'),
        onError: (problem) =>
          log.error({ side, problem }, 'certificates not reloaded: the old ones stay in use'),
      }),
    );
  const server = openServerFiles(config, open);
  const upstream = openUpstreamFiles(config, open);
  registerExpiries(meter, { server, upstream });
  const failures = meter.counter(METRICS.handshakeFailures);
  const clients = config.tlsClientCa === undefined ? 'off' : config.tlsClientAuth;
  const running = stack.move();
  return {
    server: server && createServerTls(server, clients, () => failures.add(1)),
    upstream: upstream && (() => upstream.current.options),
    [Symbol.dispose]: () => running.dispose(),
  };
}

type OpenFiles = (side: string, files: TlsFiles) => TlsProvider;

function openServerFiles(
  { tlsCert, tlsKey, tlsClientCa, tlsCrl }: ServeConfig,
  open: OpenFiles,
): TlsProvider | undefined {
  return tlsCert === undefined
    ? undefined
    : open('server', { cert: tlsCert, key: tlsKey, ca: tlsClientCa, crl: tlsCrl });
}

function openUpstreamFiles(
  { upstreamCa, upstreamCert, upstreamKey }: ServeConfig,
  open: OpenFiles,
): TlsProvider | undefined {
  return upstreamCa === undefined && upstreamCert === undefined
    ? undefined
    : open('upstream', { cert: upstreamCert, key: upstreamKey, ca: upstreamCa });
}

function registerExpiries(meter: Meter, providers: Readonly<Record<string, TlsProvider | undefined>>): void {
  meter.observed(METRICS.certificateExpiry, (observe) => {
    for (const [side, provider] of Object.entries(providers)) {
      for (const { file, subject, expiresAtMs } of provider?.current.expiries ?? [])
        observe(expiresAtMs / 1_000, side, basename(file), subject);
    }
  });
}
