import { type Access, openAccess } from '../access/access.ts';
import { type AuditLog, openAuditLog } from '../access/audit-log.ts';
import { type CreationCounter, createLocalCounter } from '../access/creation-counter.ts';
import { createGate, type Gate } from '../access/gate.ts';
import { openRedisCounter } from '../access/redis-counter.ts';
import { systemClock } from '../base/clock.ts';
import type { RedisTarget } from '../base/redis.ts';
import { createPlanPrices } from '../cloud/plan-prices.ts';
import type { Environment } from '../config/read.ts';
import { SERVE_SETTINGS, type ServeConfig } from '../config/settings.ts';
import type { Contract } from '../contract/load.ts';
import type { ExtraRequest } from '../http/options.ts';
import type { GuardRoute } from '../http/routes/service.ts';
import type { HomeFacts } from '../pages/home-page.ts';
import { admitEverybody, type OpenAdmission } from '../pipeline/admission.ts';
import { admitCallers, type ReachOperations } from '../pipeline/admit-callers.ts';
import { CallError } from '../status/call-error.ts';
import type { Logger } from '../telemetry/log.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createReadings } from '../v2/readings.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import type { Vultr } from '../vultr/vultr.ts';
import type { WatchService } from '../watch/service.ts';

/** Who may call, according to the settings. */
export interface OpenedCallers {
  readonly openAdmission: OpenAdmission;
  readonly guard: GuardRoute;
  /** Tells a caller who it is. */
  readonly recognise: (request: ExtraRequest) => Promise<HomeFacts['you']>;
  /** Reopens the audit log after it was renamed for rotation; undefined: there is no audit log. */
  readonly reopenAuditLog: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** The options of opening it. */
export interface CallersContext {
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly env: Environment;
  readonly onSecretVariable: (name: string) => void;
  readonly contract: Contract;
  /** Where replicas share the counts of creations; undefined: they do not. */
  readonly redis: RedisTarget | undefined;
  /** Asked for the prices of plans. */
  readonly vultr: Vultr;
  readonly resolveVultr: ResolveOperation;
  readonly watchedRead: WatchService['readOf'];
}

/**
 * Opens the callers file and the audit log, if the settings name them. Rejects with a CallersFileError that holds every
 * mistake, or with the reason why the audit log cannot be opened.
 */
export async function openCallers(context: CallersContext): Promise<OpenedCallers> {
  const { config, log, env, contract } = context;
  const denials = context.metrics.meter.counter(METRICS.denials);
  const { callersFile: file } = config;
  if (file === undefined)
    return {
      openAdmission: admitEverybody(config.apiKey),
      guard: (_part, route) => route,
      recognise: async () => ({ caller: null, says: describeOpen(config) }),
      reopenAuditLog: undefined,
      close: async () => undefined,
    };
  using stack = new DisposableStack();
  const access = stack.use(await openAccess({ file, operations: contract.operations.values(), log, env }));
  const keyVariables = tellKeyVariables(access, context);
  if (config.apiKey !== undefined && !keyVariables.includes(SERVE_SETTINGS.apiKey.env))
    log.warn('VULTR_API_KEY is not used: with a callers file, calls use the keys of its accounts');
  const counter = stack.adopt(openCounter(context.redis, log), (opened) => opened.close());
  const audit = await openAudit(config, log);
  const prices = createPlanPrices(context.vultr, contract.operations);
  const gate = createGate({
    access,
    audit,
    prices,
    counter,
    onDenied: (caller, reason) => denials.add(1, caller ?? '', reason),
  });
  const running = stack.move();
  return {
    openAdmission: admitCallers({ gate, access, reach: reachOf(context) }),
    guard: guardWith(gate),
    recognise: recogniseWith(access),
    reopenAuditLog: audit && (() => audit.reopen()),
    close: async () => {
      running.dispose();
      await audit?.close();
    },
  };
}

/** What everybody is told where there is no callers file. */
function describeOpen({ apiKey }: ServeConfig): string {
  const keys = apiKey === undefined ? 'a Vultr key of their own' : "their own Vultr key or the service's";
  return `Anonymous, like everybody: this service has no callers file. Calls are made with ${keys}.`;
}

function recogniseWith(access: Access): OpenedCallers['recognise'] {
  return async (request) => {
    try {
      const { caller } = await access.complete(await access.identify(request.evidence()), undefined);
      return { caller: caller.name, says: 'That is what the callers file calls you.' };
    } catch (thrown) {
      return { caller: null, says: `Anonymous. ${CallError.from(thrown).message}` };
    }
  };
}

/** Tells which variables hold keys, also those that a later state of the file names. */
function tellKeyVariables(access: Access, { onSecretVariable }: CallersContext): readonly string[] {
  const tell = (): readonly string[] => {
    const named = [...access.model.accounts.values()].flatMap((spec) =>
      'keyEnv' in spec ? [spec.keyEnv] : [],
    );
    for (const name of named) onSecretVariable(name);
    return named;
  };
  access.onReload(tell);
  return tell();
}

/** A call that watches a read is judged like that read. */
function reachOf({ resolveVultr, watchedRead }: CallersContext): ReachOperations {
  const readings = createReadings(resolveVultr);
  return (operation, request) => {
    const read = request.kind === 'message' ? watchedRead(operation, request.message) : undefined;
    if (read === undefined) return readings(operation, request);
    return readings(read.operation, {
      kind: 'verbatim',
      request: { ...read.request, contentType: undefined, accept: undefined },
    });
  };
}

function guardWith(gate: Gate): GuardRoute {
  return (part, route) => async (request) => {
    const { peer, requestId } = request;
    await gate.admitService(request.evidence(), part, { peer, requestId });
    return await route(request);
  };
}

function openCounter(redis: RedisTarget | undefined, log: Logger): CreationCounter {
  if (redis === undefined) return createLocalCounter(systemClock.now);
  return openRedisCounter({
    ...redis,
    onError: ({ message: problem }) => log.warn({ problem }, 'the count of creations is out of reach'),
  });
}

async function openAudit(
  { auditFile, auditFailure: onFailure, isAuditSynced: isSynced }: ServeConfig,
  log: Logger,
): Promise<AuditLog | undefined> {
  if (auditFile === undefined) return undefined;
  return await openAuditLog({
    file: auditFile === '-' ? 1 : auditFile,
    onFailure,
    isSynced,
    onState: ({ isWritable, problem, lost }) => {
      if (isWritable) log.info({ lost }, 'the audit log is written again');
      else log.error({ problem, changes: onFailure }, 'the audit log cannot be written');
    },
  });
}
