import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import type { IncomingRequest } from '../rpc/call.ts';
import type { Evidence } from '../rpc/evidence.ts';
import { CallError } from '../status/call-error.ts';
import type { Access } from './access.ts';
import { type AuditedCall, auditEntry, isAudited, serviceDenialEntry } from './audit-entry.ts';
import type { AuditLog } from './audit-log.ts';
import { type AuthorizerOptions, authorize, authorizeService, type Grant } from './authorize.ts';
import { callerDenied, callerUnknown } from './errors.ts';
import type { Identity } from './identify.ts';
import { decide } from './policy.ts';
import { refuseMethodOverride, viewOfRequest } from './request-view.ts';
import { type ServiceTarget, targetOf } from './target.ts';

/** A call whose request has been read. */
export interface Arrival {
  /** The operation that was called. */
  readonly operation: Operation;
  /** The operation that the request reaches: another one when a call that passes anything on leads to a known one. */
  readonly reached: Operation;
  readonly request: IncomingRequest;
  /** Names a creation, so that it happens once. */
  readonly idempotencyKey: string | undefined;
  readonly signal: AbortSignal;
}

/** A call that was let in. */
export interface Admission {
  readonly identity: Identity;
  /** The Vultr key that it is made with; undefined: it needs none. */
  readonly credential: string | undefined;
  /** What it does, by its fields, too. */
  readonly effect: Effect | undefined;
  readonly refund: Grant['refund'];
}

/** What is known of a call when it is over, besides what its line is made of. */
export interface Ending extends Omit<AuditedCall, 'time' | 'identity' | 'effect'> {
  /** Whoever was proven, also when the call was not let in. */
  readonly identity: Identity | undefined;
  readonly admission: Admission | undefined;
}

/** The steps of a call that access takes part in, in their order. */
export interface Gate {
  /** First, before the request is read. As in Identifier; undefined: nothing was there that could prove a caller. */
  identify(evidence: Evidence): Promise<Identity | undefined>;
  /** Second, once the request is read. As in Identifier. */
  complete(early: Identity | undefined, request: IncomingRequest): Promise<Identity>;
  /**
   * Third: decides, and finds the key.
   * @throws CallError as authorize does; UNAVAILABLE when a change could not be recorded or the account has no key
   */
  admit(identity: Identity, arrival: Arrival): Promise<Admission>;
  /**
   * Before each message of a stream, since what a caller may do can change in the hours that a stream lasts.
   * @throws CallError when the callers file no longer allows the operation
   */
  recheck(identity: Identity, operation: Operation): void;
  /** Last, before the reply or failure goes out: gives back what was counted for nothing, and writes the line. Never rejects. */
  finish(ending: Ending): Promise<void>;
  /**
   * All steps for a part of the service that is no operation, asked for over HTTP.
   * @throws CallError UNAUTHENTICATED or PERMISSION_DENIED
   */
  admitService(evidence: Evidence, part: ServiceTarget, from: { readonly peer: string }): Promise<Identity>;
}

/** What a gate is made of. */
export interface GateOptions extends AuthorizerOptions {
  readonly access: Access;
  /** Undefined: nothing is recorded. */
  readonly audit: AuditLog | undefined;
  /** The wall clock. Default: Date. */
  readonly wallNow?: () => Date;
}

/** Makes the gate. */
export function createGate(options: GateOptions): Gate {
  const { access, audit, wallNow = () => new Date() } = options;
  return {
    identify: (evidence) => access.identify(evidence),
    complete: (early, request) => access.complete(early, accessTokenOf(request)),
    admit: async (identity, { operation, reached, request, idempotencyKey, signal }) => {
      if (request.kind === 'verbatim') refuseMethodOverride(request.request);
      const view = () => viewOfRequest(request, operation);
      const grant = await authorize({ identity, operation: reached, view, idempotencyKey, signal }, options);
      const { effect, refund } = grant;
      try {
        if (audit !== undefined && isAudited({ operation: reached, effect, error: undefined }))
          await audit.assertWritable();
        const needsKey = targetOf(reached)?.effect !== undefined && !reached.isPublic;
        const credential = needsKey ? access.credentialOf(identity) : undefined;
        return { identity, credential, effect, refund };
      } catch (error) {
        await refund();
        throw error;
      }
    },
    recheck: ({ caller }, operation) => {
      const target = targetOf(operation);
      const inForce = access.model.callers.find(({ name }) => name === caller.name);
      if (target === undefined || inForce === caller) return;
      if (inForce === undefined)
        throw callerUnknown(`The callers file no longer has the caller ${caller.name}.`);
      const decision = decide(inForce, target);
      if (!decision.isAllowed) throw callerDenied(inForce.name, target.name, decision.reason);
    },
    finish: async ({ admission, ...ending }) => {
      const effect = admission?.effect;
      if (admission !== undefined && madeNothing(ending)) await admission.refund();
      if (audit === undefined || !isAudited({ operation: ending.operation, effect, error: ending.error }))
        return;
      await audit.record(auditEntry({ ...ending, time: wallNow(), effect }));
    },
    admitService: async (evidence, part, { peer }) => {
      let identity: Identity | undefined;
      try {
        identity = await access.complete(await access.identify(evidence), undefined);
        authorizeService(identity.caller, part);
        return identity;
      } catch (thrown) {
        const error = CallError.from(thrown);
        const denied = { time: wallNow(), identity, peer, transport: 'http', part, error } as const;
        await audit?.record(serviceDenialEntry(denied));
        throw error;
      }
    },
  };
}

/** The credential that requests of CloudService carry in a field. A request that is passed on has none: its body is Vultr's. */
function accessTokenOf(request: IncomingRequest): string | undefined {
  const token = request.kind === 'message' ? request.message['access_token'] : undefined;
  return typeof token === 'string' ? token : undefined;
}

/** Whether it is certain that nothing was made: nothing was sent, Vultr has refused it, or the caller only wanted to see. */
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
