import { EventEmitter } from 'node:events';
import { nextEvent } from '../base/wait.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/grpc/health/v1/health.ts';
import type { Handler, Reply } from '../rpc/call.ts';
import { binaryReply } from '../rpc/reply.ts';
import { toTyped } from '../rpc/typed.ts';
import { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';

/** The health of the server and of each of its services (grpc.health.v1). */
export interface Health {
  /** Sets whether the server takes calls, which every service follows. */
  setServing(isServing: boolean): void;
  /** The handlers, by the full names of the operations. */
  readonly handlers: ReadonlyMap<string, Handler>;
}

/**
 * Creates the health service.
 * @param services the full names of the services that the server has
 */
export function createHealth(services: readonly string[]): Health {
  return new HealthOfServices(services);
}

class HealthOfServices implements Health {
  readonly #names: ReadonlySet<string>;
  readonly #changes = new EventEmitter();
  #status: ServingStatus = ServingStatus.NOT_SERVING;

  readonly handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    [
      'grpc.health.v1.Health/Check',
      { kind: 'unary', handle: async ({ request }) => this.#check(serviceOf(request)) },
    ],
    ['grpc.health.v1.Health/List', { kind: 'unary', handle: async () => this.#list() }],
    [
      'grpc.health.v1.Health/Watch',
      {
        kind: 'server_streaming',
        handle: ({ request, signal }) => this.#watch(serviceOf(request), signal),
      },
    ],
  ]);

  constructor(services: readonly string[]) {
    this.#names = new Set(['', ...services]);
    // One listener for each Watch; the limit on concurrent streams bounds their number.
    this.#changes.setMaxListeners(0);
  }

  setServing(isServing: boolean): void {
    this.#status = isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    this.#changes.emit('change');
  }

  #check(service: string): Reply {
    if (!this.#names.has(service)) throw unknownService(service);
    return toReply(this.#status);
  }

  #list(): Reply {
    const statuses = Object.fromEntries([...this.#names].map((name) => [name, { status: this.#status }]));
    return binaryReply(HealthListResponse.encode({ statuses }).finish());
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<Reply> {
    if (!this.#names.has(service)) {
      // The specification keeps this stream open, since the service may appear later.
      yield toReply(ServingStatus.SERVICE_UNKNOWN);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return;
    }
    let sent: ServingStatus | undefined;
    while (!signal.aborted) {
      if (this.#status !== sent) {
        sent = this.#status;
        yield toReply(sent);
        continue;
      }
      await nextEvent(this.#changes, 'change', signal);
    }
  }
}

function serviceOf(request: Message): string {
  return toTyped(HealthCheckRequest, request).service;
}

function toReply(status: ServingStatus): Reply {
  return binaryReply(HealthCheckResponse.encode({ status }).finish());
}

function unknownService(service: string): CallError {
  return new CallError(
    'NOT_FOUND',
    'SERVICE_NOT_FOUND',
    `The server has no service ${service.slice(0, 200)}.`,
  );
}
