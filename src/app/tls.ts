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
  /** The current TLS options of connections to Vultr; undefined: Node's defaults. */
  readonly upstream: (() => TlsMaterial['options']) | undefined;
  /** The same for connections to Redis. */
  readonly redis: (() => TlsMaterial['options']) | undefined;
}

/**
 * Reads the certificates that the settings name, and watches their files. Rejects with a TlsFilesError when they are not right
 * at the start.
 */
export async function openTls(config: ServeConfig, log: Logger, { meter }: Metrics): Promise<OpenedTls> {
  using stack = new DisposableStack();
  const open = async (side: string, files: TlsFiles): Promise<TlsProvider> =>
    stack.use(
      await openTlsFiles({
        files,
        onReload: () => log.info({ side }, 'certificates reloaded'),
        onError: (problem) =>
          log.error({ side, problem }, 'certificates not reloaded: the old ones stay in use'),
      }),
    );
  const server = await openServerFiles(config, open);
  const upstream = await openUpstreamFiles(config, open);
  const redis = await openRedisFiles(config, open);
  registerExpiries(meter, { server, upstream, redis });
  const failures = meter.counter(METRICS.handshakeFailures);
  const clients = config.tlsClientCa === undefined ? 'off' : config.tlsClientAuth;
  const running = stack.move();
  return {
    server: server && createServerTls(server, clients, () => failures.add(1)),
    upstream: upstream && (() => upstream.current.options),
    redis: redis && (() => redis.current.options),
    [Symbol.dispose]: () => running.dispose(),
  };
}

type OpenFiles = (side: string, files: TlsFiles) => Promise<TlsProvider>;

async function openServerFiles(
  { tlsCert, tlsKey, tlsClientCa, tlsCrl }: ServeConfig,
  open: OpenFiles,
): Promise<TlsProvider | undefined> {
  return tlsCert === undefined
    ? undefined
    : await open('server', { cert: tlsCert, key: tlsKey, ca: tlsClientCa, crl: tlsCrl });
}

async function openUpstreamFiles(
  { upstreamCa, upstreamCert, upstreamKey }: ServeConfig,
  open: OpenFiles,
): Promise<TlsProvider | undefined> {
  return upstreamCa === undefined && upstreamCert === undefined
    ? undefined
    : await open('upstream', { cert: upstreamCert, key: upstreamKey, ca: upstreamCa });
}

async function openRedisFiles(
  { redisCa, redisCert, redisKey }: ServeConfig,
  open: OpenFiles,
): Promise<TlsProvider | undefined> {
  return redisCa === undefined && redisCert === undefined
    ? undefined
    : await open('redis', { cert: redisCert, key: redisKey, ca: redisCa });
}

function registerExpiries(meter: Meter, providers: Readonly<Record<string, TlsProvider | undefined>>): void {
  meter.observed(METRICS.certificateExpiry, (observe) => {
    for (const [side, provider] of Object.entries(providers)) {
      for (const { file, subject, expiresAtMs } of provider?.current.expiries ?? [])
        observe(expiresAtMs / 1_000, side, basename(file), subject);
    }
  });
}
