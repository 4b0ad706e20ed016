import { type Access, openAccess } from '../access/access.ts';
import { type AuditLog, openAuditLog } from '../access/audit-log.ts';
import { type CreationCounter, createLocalCounter } from '../access/creation-counter.ts';
import { createGate, type Gate, type GateOptions } from '../access/gate.ts';
import { openRedisCounter } from '../access/redis-counter.ts';
import { systemClock } from '../base/clock.ts';
import type { RedisTarget } from '../base/redis.ts';
import { createPlanPrices } from '../cloud/plan-prices.ts';
import { SERVE_SETTINGS, type ServeConfig } from '../config/settings.ts';
import type { GuardRoute } from '../http/routes/service.ts';
import { admitCallers } from '../pipeline/admit-callers.ts';
import { CallError } from '../status/call-error.ts';
import type { Logger } from '../telemetry/log.ts';
import type { CallersContext, OpenedCallers } from './opened-callers.ts';
import { createReach } from './reach.ts';

/**
 * Lets in the callers of a callers file, and writes the audit log if the settings name one. Rejects as openCallers does.
 * @param onDenied called for each call that is denied
 */
export async function openFileCallers(
  file: string,
  context: CallersContext,
  onDenied: NonNullable<GateOptions['onDenied']>,
): Promise<OpenedCallers> {
  const { config, log, env, contract } = context;
  using stack = new DisposableStack();
  const access = stack.use(await openAccess({ file, operations: contract.operations.values(), log, env }));
  const keyVariables = tellKeyVariables(access, context);
  if (config.apiKey !== undefined && !keyVariables.includes(SERVE_SETTINGS.apiKey.env))
    log.warn('VULTR_API_KEY is not used: with a callers file, calls use the keys of its accounts');
  const counter = stack.adopt(openCounter(context.redis, log), (opened) => opened.close());
  const audit = await openAudit(config, log);
  const prices = createPlanPrices(context.vultr, contract.operations);
  const gate = createGate({ access, audit, prices, counter, onDenied });
  const running = stack.move();
  return {
    openAdmission: admitCallers({ gate, access, reach: createReach(context) }),
    guard: guardWith(gate),
    recognise: recogniseWith(access),
    reopenAuditLog: audit && (() => audit.reopen()),
    close: async () => {
      running.dispose();
      await audit?.close();
    },
  };
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
