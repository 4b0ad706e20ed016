import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import { findExceeded, type Judged, judgeReadings, limitedReadings } from './authorize.ts';
import type { PlanPrices } from './create-limits.ts';
import type { AccessModel, Caller, CreateLimits } from './model.ts';
import { decide } from './policy.ts';
import { EMPTY_VIEW, type RequestView } from './request-view.ts';
import { SERVICE_TARGETS, type ServiceTarget, serviceTarget, type Target, targetOf } from './target.ts';

const EFFECTS: readonly Effect[] = ['READ', 'SECRET', 'CREATE', 'CHANGE', 'DESTROY'];

/** Who may do what, as the lines of a table for people. */
export function policyTable(model: AccessModel, operations: Iterable<Operation>): readonly string[] {
  const all = [...operations];
  const head = ['CALLER', 'ACCOUNT', ...EFFECTS, 'SERVICE', 'CREATE LIMITS', 'RATE'];
  const rows = model.callers.map((caller) => [
    caller.name,
    [caller.account, caller.bringOwnKey ? 'own key' : undefined].filter(Boolean).join(', '),
    ...EFFECTS.map((effect) => share(caller, effect, all)),
    SERVICE_TARGETS.filter((part) => decide(caller, serviceTarget(part)).isAllowed).join(', ') || '-',
    describeLimits(caller.create),
    caller.rate === undefined ? '-' : `${caller.rate}/s`,
  ]);
  return align([head, ...rows]);
}

function share(caller: Caller, effect: Effect, operations: readonly Operation[]): string {
  const targets = operations.flatMap((operation) => {
    const target = operation.effect === effect ? targetOf(operation) : undefined;
    return target?.effect === undefined ? [] : [target];
  });
  const count = targets.filter((target) => decide(caller, target).isAllowed).length;
  if (count === 0) return '-';
  return count === targets.length ? 'all' : `${count} of ${targets.length}`;
}

function describeLimits(limits: CreateLimits | undefined): string {
  if (limits === undefined) return '-';
  const { regions, plans, monthlyCostMax, perHour } = limits;
  const parts = [
    regions && `in ${regions.join(' ')}`,
    plans?.map(({ text }) => text).join(' '),
    monthlyCostMax !== undefined && `up to $${monthlyCostMax} a month`,
    perHour !== undefined && `${perHour} an hour`,
  ];
  return parts.filter(Boolean).join(', ') || '-';
}

function align(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A request, as `explainDecision` takes it into account. */
export interface ReadRequest {
  /** The operations that it could reach, as for a call of the service; the first is the one that it is for. */
  readonly readings: readonly [Operation, ...Operation[]];
  readonly view: RequestView;
}

/** A verdict, as lines for people. */
export interface Explanation {
  readonly isAllowed: boolean;
  readonly lines: readonly string[];
}

/** Prices are in the catalogue, which is not fetched for an explanation: no plan is over a limit. */
const ANY_PRICE: PlanPrices = { monthlyCost: async () => 0 };

/**
 * Explains a decision about a call, which is made like those of the running service.
 * @param request undefined: any request of the operation
 */
export async function explainDecision(
  caller: Caller,
  operation: Operation,
  request: ReadRequest | undefined,
): Promise<Explanation> {
  const target = targetOf(operation);
  if (target === undefined) return { isAllowed: true, lines: [`${operation.name} is open to everybody.`] };
  const look = (): RequestView => request?.view ?? EMPTY_VIEW;
  const judged = judgeReadings(caller, request?.readings ?? [operation], target, look);
  const denied = judged.find(({ decision }) => !decision.isAllowed);
  const told = denied ?? judged[0];
  const lines = [verdictOf(caller, told), told.decision.reason];
  if (request === undefined) lines.push(...dependsOn(caller, operation, target));
  const limits = caller.create;
  if (denied !== undefined || limits === undefined) return { isAllowed: denied === undefined, lines };
  // Without its fields, only what no request could be allowed is over a limit.
  const isKnown = request !== undefined || operation.isRaw;
  const limited = isKnown ? limitedReadings(limits, judged) : [];
  const signal = (): AbortSignal => new AbortController().signal;
  const exceeded = await findExceeded(limits, limited, look, ANY_PRICE, signal);
  if (exceeded !== undefined) {
    const { name } = exceeded.target;
    return { isAllowed: false, lines: [`DENIED: ${caller.name} calls ${name}.`, exceeded.limit] };
  }
  if (told.decision.effect === 'CREATE') lines.push(`Limits of creating: ${describeLimits(limits)}.`);
  return { isAllowed: true, lines };
}

/** Explains a decision about a part of the service. */
export function explainServiceDecision(caller: Caller, part: ServiceTarget): Explanation {
  const target = serviceTarget(part);
  const decision = decide(caller, target);
  return { isAllowed: decision.isAllowed, lines: [verdictOf(caller, { target, decision }), decision.reason] };
}

function verdictOf(caller: Caller, { target, decision }: Pick<Judged, 'target' | 'decision'>): string {
  const effect = decision.effect === undefined ? '' : ` (effect ${decision.effect.toLowerCase()})`;
  return `${decision.isAllowed ? 'ALLOWED' : 'DENIED'}: ${caller.name} calls ${target.name}${effect}.`;
}

/** What else the decision would depend on, if there were a request. */
function dependsOn(caller: Caller, operation: Operation, target: Target): readonly string[] {
  if (operation.isRaw)
    return [
      'A request for an operation that the contract knows counts as that operation. Give one with --request.',
    ];
  if (operation.destroysWith.length === 0) return [];
  const destroying = decide(caller, target, 'DESTROY');
  const verdict = destroying.isAllowed ? 'allowed' : 'denied';
  return [
    `With ${operation.destroysWith.join(' or ')} in the request it destroys, and is ${verdict}. ${destroying.reason}`,
  ];
}
