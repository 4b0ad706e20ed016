import type { Access } from '../access/access.ts';
import type { Gate, Admission as Grant } from '../access/gate.ts';
import type { Identity } from '../access/identify.ts';
import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import type { Incoming, IncomingRequest, Reply } from '../rpc/call.ts';
import type { Admission, AdmissionContext, Authority, OpenAdmission } from './admission.ts';

/**
 * Names the operation that a request reaches, which is what a policy decides about, and what else it could reach. Throws a
 * CallError when the request is malformed.
 */
export type ReachOperations = (
  called: Operation,
  request: IncomingRequest,
) => readonly [Operation, ...Operation[]];

/** What it takes to let in callers by a callers file. */
export interface CallersOptions {
  readonly gate: Gate;
  readonly access: Pick<Access, 'otherCredential'>;
  readonly reach: ReachOperations;
}

/** Lets in the callers of a callers file, as their policies say. */
export function admitCallers(options: CallersOptions): OpenAdmission {
  return (incoming, context) => new CallerAdmission(options, incoming, context);
}

const NONE: readonly Operation[] = [];

class CallerAdmission implements Admission {
  readonly #options: CallersOptions;
  readonly #incoming: Incoming;
  readonly #context: AdmissionContext;
  #identity: Identity | undefined;
  #request: IncomingRequest | undefined;
  #reached: Operation;
  #grant: Grant | undefined;

  constructor(options: CallersOptions, incoming: Incoming, context: AdmissionContext) {
    this.#options = options;
    this.#incoming = incoming;
    this.#context = context;
    this.#reached = incoming.operation;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  identify(): void | Promise<void> {
    const found = this.#options.gate.identify(this.#incoming.evidence());
    if (found instanceof Promise)
      return found.then((identity) => {
        this.#identity = identity;
      });
    this.#identity = found;
  }

  admit(request: IncomingRequest, idempotencyKey: string | undefined): MaybeSoon<Authority> {
    this.#request = request;
    const identity = this.#options.gate.complete(this.#identity, request);
    return identity instanceof Promise
      ? identity.then((known) => this.#decide(known, request, idempotencyKey))
      : this.#decide(identity, request, idempotencyKey);
  }

  #decide(
    identity: Identity,
    request: IncomingRequest,
    idempotencyKey: string | undefined,
  ): MaybeSoon<Authority> {
    this.#identity = identity;
    const { gate, reach } = this.#options;
    const { operation, peer, transport } = this.#incoming;
    const { requestId, traceId } = this.#context;
    const readings = reach(operation, request);
    const [reached] = readings;
    this.#reached = reached;
    const signal = (): AbortSignal => this.#context.signal;
    const grant = gate.admit(identity, {
      operation,
      reached,
      otherReadings: readings.length === 1 ? NONE : readings.slice(1),
      request,
      idempotencyKey,
      signal,
      peer,
      transport,
      requestId,
      traceId,
    });
    return grant instanceof Promise
      ? grant.then((known) => this.#authorityOf(identity, known))
      : this.#authorityOf(identity, grant);
  }

  #authorityOf(identity: Identity, grant: Grant): Authority {
    this.#grant = grant;
    const { gate, access } = this.#options;
    const { id, caller, ownKey } = identity;
    return {
      credential: grant.credential,
      source: ownKey === undefined ? 'account' : 'caller',
      caller: { name: id, label: caller.name, ratePerSecond: caller.rate },
      renewCredential: (refused) => access.otherCredential(identity, refused),
      onRevoked: (tell) => gate.onRevoked(identity, this.#reached, tell),
    };
  }

  finish({ error, reply }: Parameters<Admission['finish']>[0]): MaybeSoon<void> {
    const { peer, transport } = this.#incoming;
    const { requestId, traceId } = this.#context;
    return this.#options.gate.finish({
      operation: this.#reached,
      identity: this.#identity,
      admission: this.#grant,
      peer,
      transport,
      request: this.#request,
      requestId,
      traceId,
      response: this.#grant?.effect === 'CREATE' ? vultrResponse(reply) : undefined,
      error,
    });
  }
}

/** What Vultr has responded, which names what was made. */
function vultrResponse(reply: Reply | undefined): Uint8Array | undefined {
  return reply?.http?.body ?? reply?.payloadJson?.() ?? reply?.toJson();
}
