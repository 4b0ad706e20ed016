import { basename } from 'node:path';
import { Counter, Gauge } from 'prom-client';
import { createServerTls, type ServerTls } from '../access/server-tls.ts';
import type { TlsFiles, TlsMaterial } from '../access/tls-files.ts';
import { openTls as openTlsFiles, type TlsProvider } from '../access/tls-reload.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** TLS on both sides of the service, with certificates that follow their files. */
export interface OpenedTls extends Disposable {
  /** Undefined: plain text. */
  readonly server: ServerTls | undefined;
  /** What connections to Vultr are made with, as of now; undefined: what Node has built in. */
  readonly upstream: (() => TlsMaterial['options']) | undefined;
  /** The same for connections to Redis. */
  readonly redis: (() => TlsMaterial['options']) | undefined;
}

/**
 * Reads the certificates that the settings name, and watches their files.
 * @throws TlsFilesError when they are not right at the start
 */
export function openTls(config: ServeConfig, log: Logger, { registry }: Metrics): OpenedTls {
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
  const redis = openRedisFiles(config, open);
  registerExpiries(registry, { server, upstream, redis });
  const failures = new Counter({
    name: 'tls_handshake_failures_total',
    help: 'Connections that callers began and whose TLS handshake failed.',
    registers: [registry],
  });
  const clients = config.tlsClientCa === undefined ? 'off' : config.tlsClientAuth;
  const running = stack.move();
  return {
    server: server && createServerTls(server, clients, () => failures.inc()),
    upstream: upstream && (() => upstream.current.options),
    redis: redis && (() => redis.current.options),
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

function openRedisFiles(
  { redisCa, redisCert, redisKey }: ServeConfig,
  open: OpenFiles,
): TlsProvider | undefined {
  return redisCa === undefined && redisCert === undefined
    ? undefined
    : open('redis', { cert: redisCert, key: redisKey, ca: redisCa });
}

function registerExpiries(
  registry: Metrics['registry'],
  providers: Readonly<Record<string, TlsProvider | undefined>>,
): void {
  new Gauge({
    name: 'tls_certificate_expiry_timestamp_seconds',
    help: 'When each certificate in use expires, in seconds since the epoch, by side, file and subject.',
    labelNames: ['side', 'file', 'subject'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [side, provider] of Object.entries(providers)) {
        for (const { file, subject, expiresAtMs } of provider?.current.expiries ?? [])
          this.set({ side, file: basename(file), subject }, expiresAtMs / 1_000);
      }
    },
  });
}
