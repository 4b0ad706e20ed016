import { hash, randomUUID } from 'node:crypto';
import type { MaybeSoon } from '../base/soon.ts';
import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import { CallError } from '../status/call-error.ts';
import { findLimit, limitsApply, type PlanPrices } from './create-limits.ts';
import type { CreationCounter } from './creation-counter.ts';
import { callerDenied, createLimit, createQuota, policyUnavailable } from './errors.ts';
import type { Identity } from './identify.ts';
import type { Caller, CreateLimits } from './model.ts';
import { type Decision, decide } from './policy.ts';
import { EMPTY_VIEW, type RequestView } from './request-view.ts';
import { type ServiceTarget, serviceTarget, type Target, targetOf } from './target.ts';

/** A call for a policy to decide about. */
export interface Application {
  readonly identity: Pick<Identity, 'caller' | 'id'>;
  /** The operation that the request reaches; for RawService, the one that its path leads to. */
  readonly operation: Operation;
  /** The other operations that a program on the way could take the request for. Each must be allowed, too. */
  readonly otherReadings?: readonly Operation[] | undefined;
  /** Reads the request; called only when the policy depends on its content. Throws a CallError when it can be read in two ways. */
  readonly view: () => RequestView;
  /** A creation that is repeated under the same key is counted once. */
  readonly idempotencyKey: string | undefined;
  /** Aborts when the call is over. Only asked for when there is something to wait for. */
  readonly signal: () => AbortSignal;
}

/** A call that may go on. */
export interface Grant {
  /** The effect of the call, its fields taken into account. */
  readonly effect: Effect | undefined;
  readonly decision: Decision | undefined;
  /**
   * Call this when a creation has created nothing, so that it is not counted. One with an idempotency key stays counted,
   * since another call with that key may have created something. Never rejects. Undefined: nothing was counted.
   */
  readonly refund?: (() => Promise<void>) | undefined;
}

/** What decisions depend on. */
export interface AuthorizerOptions {
  readonly prices: PlanPrices;
  readonly counter: CreationCounter;
}

/** An operation that everybody may call. */
const OPEN: Grant = { effect: undefined, decision: undefined };

/** An operation that a call could reach, and what the policy says about it. */
export interface Judged {
  readonly operation: Operation;
  readonly target: Target;
  readonly decision: Decision;
}

/**
 * Decides about a call: at once, unless there is a price to look up or a creation to count.
 * @throws CallError PERMISSION_DENIED that names the rule; RESOURCE_EXHAUSTED when the caller has created enough; UNAVAILABLE
 *   when that cannot be determined
 */
export function authorize(application: Application, options: AuthorizerOptions): MaybeSoon<Grant> {
  const { identity, operation, otherReadings = [] } = application;
  const { caller } = identity;
  const target = targetOf(operation);
  if (target === undefined) return OPEN;
  let view: RequestView | undefined;
  const look = (): RequestView => {
    view ??= application.view();
    return view;
  };
  const judged = judgeReadings(caller, [operation, ...otherReadings], target, look);
  const denied = judged.find(({ decision }) => !decision.isAllowed);
  if (denied !== undefined) throw callerDenied(caller.name, denied.target.name, denied.decision.reason);
  const [first] = judged;
  const { decision } = first;
  const { effect } = decision;
  const limits = caller.create;
  if (limits === undefined) return { effect, decision };
  const limited = limitedReadings(limits, judged);
  const isCounted = effect === 'CREATE' && limits.perHour !== undefined;
  if (limited.length === 0 && !isCounted) return { effect, decision };
  return holdToLimits(application, first, limited, limits, look, options);
}

/**
 * Judges the operations that a request could reach, up to the first one that is denied.
 * @param target of the first operation, and of those that have none
 */
export function judgeReadings(
  caller: Caller,
  readings: readonly [Operation, ...Operation[]],
  target: Target,
  look: () => RequestView,
): readonly [Judged, ...Judged[]] {
  const judge = (operation: Operation): Judged => {
    const by = targetOf(operation) ?? target;
    return { operation, target: by, decision: decideOnce(caller, by, operation, look) };
  };
  let last = judge(readings[0]);
  const judged: [Judged, ...Judged[]] = [last];
  for (const operation of readings.slice(1)) {
    if (!last.decision.isAllowed) break;
    last = judge(operation);
    judged.push(last);
  }
  return judged;
}

/** The readings of a request that limits of region, plan or cost apply to. */
export function limitedReadings(limits: CreateLimits, judged: readonly Judged[]): readonly Judged[] {
  return judged.filter(({ operation, decision }) => limitsApply(limits, operation, decision.effect));
}

/** A limit that a request exceeds, by one of its readings. */
export interface Exceeded {
  readonly target: Target;
  /** As a sentence. */
  readonly limit: string;
}

/**
 * Looks into a request for what it buys.
 * @throws CallError UNAVAILABLE when prices are out of reach
 */
export async function findExceeded(
  limits: CreateLimits,
  limited: readonly Judged[],
  look: () => RequestView,
  prices: PlanPrices,
  signal: () => AbortSignal,
): Promise<Exceeded | undefined> {
  for (const { operation, target, decision } of limited) {
    const limit = await findLimit(limits, operation, decision.effect, look(), prices, signal());
    if (limit !== undefined) return { target, limit };
  }
  return undefined;
}

/** Looks into the request for what it buys, and counts it. */
async function holdToLimits(
  application: Application,
  { decision }: Judged,
  limited: readonly Judged[],
  limits: CreateLimits,
  look: () => RequestView,
  { prices, counter }: AuthorizerOptions,
): Promise<Grant> {
  const { identity } = application;
  const exceeded = await findExceeded(limits, limited, look, prices, application.signal);
  if (exceeded !== undefined) throw createLimit(identity.caller.name, exceeded.target.name, exceeded.limit);
  const { effect } = decision;
  const refund =
    effect === 'CREATE' && limits.perHour !== undefined
      ? await count(identity, keyOf(application), limits.perHour, counter)
      : undefined;
  return { effect, decision, refund };
}

/** Decisions that do not depend on the request. They last as long as the state of the callers file that led to them. */
const decisions = new WeakMap<Caller, WeakMap<Operation, Decision>>();

/** Like decideWithRequest, but decides only once per caller and operation where the request makes no difference. */
function decideOnce(caller: Caller, target: Target, operation: Operation, view: () => RequestView): Decision {
  if (operation.destroysWith.length > 0) return decideWithRequest(caller, target, operation, view);
  let ofCaller = decisions.get(caller);
  if (ofCaller === undefined) {
    ofCaller = new WeakMap();
    decisions.set(caller, ofCaller);
  }
  let decision = ofCaller.get(operation);
  if (decision === undefined) {
    decision = decide(caller, target);
    ofCaller.set(operation, decision);
  }
  return decision;
}

/**
 * Decides about a part of the service.
 * @throws CallError PERMISSION_DENIED
 */
export function authorizeService(caller: Caller, part: ServiceTarget): void {
  const target = serviceTarget(part);
  const decision = decide(caller, target);
  if (!decision.isAllowed) throw callerDenied(caller.name, target.name, decision.reason);
}

/**
 * Takes into account the fields that turn a change into a destruction. The request is read only when they can make a
 * difference, so that any other body is passed on without being read.
 */
export function decideWithRequest(
  caller: Caller,
  target: Target,
  { destroysWith }: Pick<Operation, 'destroysWith'>,
  view: () => RequestView = () => EMPTY_VIEW,
): Decision {
  const decision = decide(caller, target);
  if (destroysWith.length === 0) return decision;
  const ifDestroying = decide(caller, target, 'DESTROY');
  if (!decision.isAllowed && !ifDestroying.isAllowed) return decision;
  if (decision.isAllowed && ifDestroying.isAllowed)
    return { ...decision, effect: effectIfReadable(destroysWith, view, decision) };
  const seen = view();
  return destroysWith.some((field) => seen.has(field)) ? ifDestroying : decision;
}

/** Where both effects are allowed, Vultr may judge a body that can be read in two ways: it counts as the stricter effect. */
function effectIfReadable(
  destroysWith: readonly string[],
  view: () => RequestView,
  { effect }: Decision,
): Effect | undefined {
  try {
    const seen = view();
    return destroysWith.some((field) => seen.has(field)) ? 'DESTROY' : effect;
  } catch (error) {
    if (error instanceof CallError) return 'DESTROY';
    throw error;
  }
}

/** A key stands for one creation only where creations are recorded; elsewhere one key would let any number through. */
function keyOf({ operation, idempotencyKey }: Application): string | undefined {
  return operation.create === undefined ? undefined : idempotencyKey;
}

async function count(
  { caller, id }: Application['identity'],
  idempotencyKey: string | undefined,
  perHour: number,
  counter: CreationCounter,
): Promise<Grant['refund']> {
  // Never an id that callers choose freely: any number of creations under one id would count as one.
  const creation = idempotencyKey === undefined ? randomUUID() : hash('sha256', idempotencyKey, 'base64url');
  const taken = await counter.take(id, creation, perHour).catch((error: unknown) => {
    throw policyUnavailable(
      'How much the caller has created within the hour cannot be determined for now.',
      error,
    );
  });
  if (taken.kind === 'full') throw createQuota(caller.name, perHour, taken.retryDelayMs);
  return idempotencyKey === undefined
    ? () => counter.giveBack(id, creation).catch(() => undefined)
    : undefined;
}
