import { ownTurn } from '../base/own-turn.ts';
import { spreadRetry } from '../base/spread.ts';
import { turnstile } from '../base/turnstile.ts';
import { CallError } from '../status/call-error.ts';
import { createKeyGuard } from './key-guard.ts';
import type { VultrRequest, VultrResponse } from './request.ts';
import { createStages, type StageOptions, type Stages } from './stages.ts';
import type { CallOptions, UpstreamOperation, UpstreamRequest, Vultr } from './vultr.ts';

/** Reading and encoding a response of this size takes a few milliseconds, which is worth a turn of the event loop. */
const LARGE_BYTES = 128 * 1024;

/** The client of Vultr's API: the door, and what is behind it. */
export interface VultrClient extends Vultr, Omit<Stages, 'send'> {}

/**
 * Creates a client. It opens no connection before the first request. It creates a thing as often as it is asked to: what an
 * `idempotencyKey` means is up to the wrapper.
 * @throws TypeError when the base URL or a limit is not usable
 */
export function createVultrClient(options: StageOptions): VultrClient {
  const { send, state, inspect, close } = createStages(options);
  const { random = Math.random } = options;
  const refuseEcho = createKeyGuard();
  /** Waits for a response of Vultr's. */
  async function arrived(
    sent: Promise<VultrResponse>,
    request: VultrRequest,
    isOwnCredential: boolean,
  ): Promise<VultrResponse> {
    let response: VultrResponse;
    try {
      response = await sent;
    } catch (thrown) {
      throw withOwnTime(thrown, random);
    }
    const turn = response.body.length > LARGE_BYTES ? ownTurn() : turnstile.turn();
    if (turn !== undefined) await turn;
    if (!isOwnCredential) refuseEcho(request, response);
    return response;
  }

  return {
    call: (operation, request, callOptions) => {
      if (!operation.isPublic && callOptions.credential === undefined)
        return Promise.reject(credentialMissing());
      // The options go on as they are: their signal is made when a stage reads it.
      const vultrRequest = toVultrRequest(operation, request, callOptions);
      const sent = send(vultrRequest, callOptions);
      // What is kept is public, so that it was asked for without a key.
      return sent instanceof Promise
        ? arrived(sent, vultrRequest, callOptions.isOwnCredential === true)
        : sent;
    },
    state,
    inspect,
    close,
  };
}

/**
 * Everybody whom Vultr refuses at the same moment, or who shares one request, is given the same wait by it. Each caller is told a
 * time of its own, never an earlier one, so that they do not come back together.
 */
function withOwnTime(thrown: unknown, random: () => number): unknown {
  if (!(thrown instanceof CallError) || thrown.retryDelayMs === undefined) return thrown;
  const isVultrs = thrown.vultr !== undefined || thrown.reason === 'VULTR_UNAVAILABLE';
  return isVultrs ? thrown.withRetryDelay(spreadRetry(thrown.retryDelayMs, random)) : thrown;
}

/** A request as the stages take it: with everything that its operation says about it. */
function toVultrRequest(
  operation: UpstreamOperation,
  request: UpstreamRequest,
  { credential, caller, isPoll = false }: CallOptions,
): VultrRequest {
  const { name, effect, idempotency, isPublic } = operation;
  const reads = effect === 'READ' || effect === 'SECRET';
  const { method, path, query, body, contentType, accept } = request;
  return {
    operation: name,
    method,
    path,
    query,
    body,
    contentType,
    // A public operation is the same for everybody, so it is asked for in one form only.
    accept: isPublic ? undefined : accept,
    caller,
    credential: isPublic ? undefined : credential,
    kind: reads ? (isPoll ? 'poll' : 'read') : 'change',
    creates: effect === 'CREATE',
    repeatable: idempotency !== 'IDEMPOTENCY_UNKNOWN',
    isPublic,
  };
}

function credentialMissing(): CallError {
  return new CallError(
    'UNAUTHENTICATED',
    'CREDENTIAL_MISSING',
    'This call needs a Vultr API key: give it as access_token or as "authorization: Bearer <key>", or set VULTR_API_KEY for the service.',
  );
}
