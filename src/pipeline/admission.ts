import type { Identity } from '../access/identify.ts';
import type { MaybeSoon } from '../base/soon.ts';
import type { CallerShare, Incoming, IncomingRequest, Reply } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { type CredentialSource, findCredential } from './credential.ts';

/** On whose behalf a call is made, and with which key. */
export interface Authority {
  /** The Vultr key; undefined: there is none, or the call needs none. */
  readonly credential: string | undefined;
  readonly source: CredentialSource;
  /** Undefined: callers are not known by name. */
  readonly caller: CallerShare | undefined;
  /** As in Call. */
  readonly renewCredential?: ((refused: string) => Promise<string | undefined>) | undefined;
  /**
   * Has the call told when its caller may no longer do what it was let in for, which matters in the hours that a stream lasts.
   * @returns ends that
   */
  readonly onRevoked?: (tell: (error: CallError) => void) => () => void;
}

/** How a call is let in. The methods are called in their order, each of them once at most. */
export interface Admission {
  /** Who is calling, as far as it is known by now; undefined: callers are not known by name. */
  readonly identity: Identity | undefined;
  /**
   * Looks at what comes before the request.
   * @throws CallError UNAUTHENTICATED
   */
  identify(): MaybeSoon<void>;
  /**
   * Decides, once the request is read.
   * @throws CallError when the call may not go on
   */
  admit(request: IncomingRequest, idempotencyKey: string | undefined): MaybeSoon<Authority>;
  /** Takes note of the end, before the reply or the failure goes out. Never rejects. */
  finish(outcome: {
    readonly error: CallError | undefined;
    readonly reply?: Reply | undefined;
  }): MaybeSoon<void>;
}

/** What an admission has to know of a call besides its Incoming. */
export interface AdmissionContext {
  readonly requestId: string;
  /** The trace that the call belongs to; undefined: none. */
  readonly traceId: string | undefined;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
}

/** Makes the admission of a call. */
export type OpenAdmission = (incoming: Incoming, context: AdmissionContext) => Admission;

/** Lets everybody in: a call is made with the Vultr key that it brings, or with the service's own. */
export function admitEverybody(serviceKey: string | undefined): OpenAdmission {
  return (incoming) => ({
    identity: undefined,
    identify: () => undefined,
    admit: (request) => {
      const message = request.kind === 'message' ? request.message : {};
      const { key, source } = findCredential(message, incoming.metadata, serviceKey);
      return { credential: key, source, caller: undefined };
    },
    finish: () => undefined,
  });
}
