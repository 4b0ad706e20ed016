import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import { decideWithRequest } from './authorize.ts';
import { findLimit, limitsApply, NO_PRICES } from './create-limits.ts';
import type { AccessModel, Caller, CreateLimits } from './model.ts';
import { decide } from './policy.ts';
import type { RequestView } from './request-view.ts';
import { SERVICE_TARGETS, serviceTarget, targetOf } from './target.ts';

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

/** An explanation of one decision, as lines for people. */
export async function explainDecision(
  caller: Caller,
  operation: Operation,
  view: (() => RequestView) | undefined,
): Promise<{ readonly isAllowed: boolean; readonly lines: readonly string[] }> {
  const target = targetOf(operation);
  if (target === undefined) return { isAllowed: true, lines: [`${operation.name} is open to everybody.`] };
  const decision = decideWithRequest(caller, target, operation, view);
  const effect = decision.effect === undefined ? '' : ` (effect ${decision.effect.toLowerCase()})`;
  const lines = [
    `${decision.isAllowed ? 'ALLOWED' : 'DENIED'}: ${caller.name} calls ${target.name}${effect}.`,
    decision.reason,
  ];
  if (view === undefined && operation.destroysWith.length > 0) {
    const destroying = decide(caller, target, 'DESTROY');
    const verdict = destroying.isAllowed ? 'allowed' : 'denied';
    lines.push(
      `With ${operation.destroysWith.join(' or ')} in the request it destroys, and is ${verdict}. ${destroying.reason}`,
    );
  }
  if (!decision.isAllowed || caller.create === undefined) return { isAllowed: decision.isAllowed, lines };
  // Prices are in the catalogue, which this command does not fetch.
  const limits = { ...caller.create, monthlyCostMax: undefined };
  if (view !== undefined && limitsApply(limits, operation, decision.effect)) {
    const { signal } = new AbortController();
    const limit = await findLimit(limits, operation, decision.effect, view(), NO_PRICES, signal);
    if (limit !== undefined)
      return { isAllowed: false, lines: [`DENIED: ${caller.name} calls ${target.name}.`, limit] };
  }
  if (decision.effect === 'CREATE') lines.push(`Limits of creating: ${describeLimits(caller.create)}.`);
  return { isAllowed: true, lines };
}
