import type { MaybeSoon } from '../base/soon.ts';
import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import type { IncomingRequest } from '../rpc/call.ts';
import type { Evidence } from '../rpc/evidence.ts';
import { CallError } from '../status/call-error.ts';
import type { Reason } from '../status/reasons.ts';
import type { Access } from './access.ts';
import {
  type AuditedCall,
  auditEntry,
  type BegunCall,
  beginEntry,
  isAudited,
  serviceDenialEntry,
} from './audit-entry.ts';
import type { AuditLog } from './audit-log.ts';
import { type AuthorizerOptions, authorize, authorizeService, type Grant } from './authorize.ts';
import { accountChanged, callerDenied, callerUnknown } from './errors.ts';
import type { Identity } from './identify.ts';
import { decide } from './policy.ts';
import { refuseMethodOverride, viewOfRequest } from './request-view.ts';
import { type ServiceTarget, targetOf } from './target.ts';

/** A call whose request has been read. */
export interface Arrival extends Pick<BegunCall, 'peer' | 'transport' | 'requestId' | 'traceId'> {
  /** The operation that was called. */
  readonly operation: Operation;
  /** The operation that the request reaches: a call of RawService may lead to one that the contract knows. */
  readonly reached: Operation;
  /** As in Application. */
  readonly otherReadings?: readonly Operation[];
  readonly request: IncomingRequest;
  /** Names a creation, so that it happens once. */
  readonly idempotencyKey: string | undefined;
  /** As in Application. */
  readonly signal: () => AbortSignal;
}

/** A call that was let in. */
export interface Admission {
  readonly identity: Identity;
  /** The Vultr key that it is made with; undefined: it needs none. */
  readonly credential: string | undefined;
  /** The effect of the call, its fields taken into account. */
  readonly effect: Effect | undefined;
  readonly refund?: Grant['refund'];
}

/** What is known of a call when it is over. */
export interface Ending extends Omit<AuditedCall, 'time' | 'identity' | 'effect'> {
  /** The caller that was proven, even when the call was not let in. */
  readonly identity: Identity | undefined;
  readonly admission: Admission | undefined;
}

/** The steps of a call in which access takes part, in their order. */
export interface Gate {
  /** First, before the request is read. As in Identifier; undefined: nothing was there that could prove a caller. */
  identify(evidence: Evidence): MaybeSoon<Identity | undefined>;
  /** Second, once the request is read. As in Identifier. */
  complete(early: Identity | undefined, request: IncomingRequest): MaybeSoon<Identity>;
  /**
   * Third: decides, and finds the key.
   * @throws CallError as authorize does; UNAVAILABLE when a change could not be recorded or the account has no key
   */
  admit(identity: Identity, arrival: Arrival): MaybeSoon<Admission>;
  /**
   * Calls `tell` when a changed callers file no longer allows a caller an operation, no longer proves the caller by what the call
   * was made with, or gives it another account. A new key of the same account changes nothing for calls under way.
   * @returns a function that ends this
   */
  onRevoked(identity: Identity, operation: Operation, tell: (error: CallError) => void): () => void;
  /**
   * Last, before the reply or failure goes out: gives back what was counted for nothing, and writes the line, if there is
   * either to do. Never rejects.
   */
  finish(ending: Ending): MaybeSoon<void>;
  /**
   * All steps for a request over HTTP for a part of the service that is not an operation.
   * @throws CallError UNAUTHENTICATED or PERMISSION_DENIED
   */
  admitService(evidence: Evidence, part: ServiceTarget, from: ServiceCaller): Promise<Identity>;
}

/** Where a request for a part of the service came from. */
export interface ServiceCaller {
  readonly peer: string;
  readonly requestId: string;
}

/** The options of a gate. */
export interface GateOptions extends AuthorizerOptions {
  readonly access: Access;
  /** Undefined: nothing is recorded. */
  readonly audit: AuditLog | undefined;
  /** Called with each call that is not let in. Default: nothing is called. */
  readonly onDenied?: (caller: string | undefined, reason: Reason) => void;
  /** The wall clock. Default: Date. */
  readonly wallNow?: () => Date;
}

/** What callers are told who are not let in. */
const DENIALS: ReadonlySet<Reason> = new Set([
  'CALLER_UNKNOWN',
  'CALLER_AMBIGUOUS',
  'CALLER_DENIED',
  'CREATE_LIMIT',
  'CREATE_QUOTA',
]);

/** Creates the gate. */
export function createGate(options: GateOptions): Gate {
  const { access, audit, wallNow = () => new Date(), onDenied = () => undefined } = options;

  function accept(identity: Identity, reached: Operation, { effect, refund }: Grant): Admission {
    const needsKey = effect !== undefined && !reached.isPublic;
    return { identity, credential: needsKey ? access.credentialOf(identity) : undefined, effect, refund };
  }

  /**
   * The same for a call of which something is written down or counted, which is given back when it cannot go on. That a change
   * has begun is written before it goes out: what cannot be recorded is not done, and the end of the process leaves a trace.
   */
  async function acceptNoted(
    identity: Identity,
    { operation: _called, reached, ...arrival }: Arrival,
    grant: Grant,
  ): Promise<Admission> {
    const { effect } = grant;
    try {
      const admission = accept(identity, reached, grant);
      if (isNoted({ operation: reached, effect, error: undefined }))
        await audit?.begin(beginEntry({ ...arrival, identity, operation: reached, effect, time: wallNow() }));
      return admission;
    } catch (error) {
      await grant.refund?.();
      throw error;
    }
  }

  async function finishNoted({ admission, ...ending }: Ending, isWritten: boolean): Promise<void> {
    if (madeNothing(ending)) await admission?.refund?.();
    if (isWritten) await audit?.record(auditEntry({ ...ending, time: wallNow(), effect: admission?.effect }));
  }

  function isNoted(call: Parameters<typeof isAudited>[0]): boolean {
    return audit !== undefined && isAudited(call);
  }

  return {
    identify: (evidence) => access.identify(evidence),
    complete: (early, request) => access.complete(early, accessTokenOf(request)),
    admit: (identity, arrival) => {
      const { operation, reached, otherReadings, request, idempotencyKey, signal } = arrival;
      refuseMethodOverride(request, operation);
      const view = () => viewOfRequest(request, operation);
      const grant = authorize(
        { identity, operation: reached, otherReadings, view, idempotencyKey, signal },
        options,
      );
      if (grant instanceof Promise) return grant.then((known) => acceptNoted(identity, arrival, known));
      return isNoted({ operation: reached, effect: grant.effect, error: undefined })
        ? acceptNoted(identity, arrival, grant)
        : accept(identity, reached, grant);
    },
    onRevoked: (identity, operation, tell) =>
      access.onReload(() => {
        const error = revocationOf(access, identity, operation);
        if (error !== undefined) tell(error);
      }),
    finish: (ending) => {
      const { admission, identity, operation, error } = ending;
      if (error !== undefined && DENIALS.has(error.reason)) onDenied(identity?.caller.name, error.reason);
      const isWritten = isNoted({ operation, effect: admission?.effect, error });
      if (admission?.refund === undefined && !isWritten) return undefined;
      return finishNoted(ending, isWritten);
    },
    admitService: (...asked) => admitService(options, ...asked),
  };
}

async function admitService(
  { access, audit, wallNow = () => new Date(), onDenied = () => undefined }: GateOptions,
  ...[evidence, part, { peer, requestId }]: Parameters<Gate['admitService']>
): Promise<Identity> {
  let identity: Identity | undefined;
  try {
    identity = await access.complete(await access.identify(evidence), undefined);
    authorizeService(identity.caller, part);
    return identity;
  } catch (thrown) {
    const error = CallError.from(thrown);
    onDenied(identity?.caller.name, error.reason);
    const from = { peer, requestId, transport: 'http' } as const;
    await audit?.record(serviceDenialEntry({ ...from, time: wallNow(), identity, part, error }));
    throw error;
  }
}

/** Why a caller may no longer do what it was let in for; undefined: it still may. */
function revocationOf(access: Access, identity: Identity, operation: Operation): CallError | undefined {
  const target = targetOf(operation);
  if (target === undefined) return undefined;
  const { caller: before, ownKey } = identity;
  const { name } = before;
  const caller = access.model.callers.find((each) => each.name === name);
  if (caller === undefined) return callerUnknown(`The callers file no longer has the caller ${name}.`);
  const mayBringKey = ownKey === undefined || caller.bringOwnKey;
  if (!mayBringKey || !access.isProven(identity))
    return callerUnknown(`What this call was made with no longer proves the caller ${name}.`);
  if (ownKey === undefined && caller.account !== before.account) return accountChanged(name);
  const decision = decide(caller, target);
  return decision.isAllowed ? undefined : callerDenied(name, target.name, decision.reason);
}

/** The credential in the `access_token` field of CloudService requests. A request that is passed on has no such field. */
function accessTokenOf(request: IncomingRequest): string | undefined {
  const token = request.kind === 'message' ? request.message['access_token'] : undefined;
  return typeof token === 'string' ? token : undefined;
}

/** Whether it is certain that nothing was made: nothing was sent, Vultr has refused it, or it was a dry run. */
function madeNothing({
  operation,
  request,
  error,
}: Pick<Ending, 'operation' | 'request' | 'error'>): boolean {
  if (error !== undefined) return error.reached === 'no' || isRefusal(error);
  const isDryRun = request?.kind === 'message' && request.message['dry_run'] === true;
  return isDryRun && operation.input.fields.some(({ name }) => name === 'dry_run');
}

function isRefusal({ vultr }: CallError): boolean {
  return vultr !== undefined && vultr.status >= 400 && vultr.status < 500;
}
