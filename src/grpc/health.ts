import { EventEmitter } from 'node:events';
import { nextEvent } from '../base/wait.ts';
import type { Operation } from '../contract/operation.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/grpc/health/v1/health.ts';
import type { Call, Handler, Reply } from '../rpc/call.ts';
import { binaryReply } from '../rpc/reply.ts';
import { toTyped } from '../rpc/typed.ts';
import { CallError } from '../status/call-error.ts';

/** The health of the server and of each of its services (grpc.health.v1). */
export interface Health {
  /** Sets whether the server takes calls, which every service follows. */
  setServing(isServing: boolean): void;
  /** The handlers, by the full names of the operations. */
  readonly handlers: ReadonlyMap<string, Handler>;
}

/**
 * Makes the health service.
 * @param services the full names of the services that the server has
 */
export function createHealth(services: readonly string[]): Health {
  const names = new Set(['', ...services]);
  const changes = new EventEmitter();
  // One listener for each Watch, whose number the limit on concurrent streams bounds.
  changes.setMaxListeners(0);
  let status: ServingStatus = ServingStatus.NOT_SERVING;

  async function* watch({ operation, request, signal }: Call): AsyncGenerator<Reply> {
    const { service } = toTyped(HealthCheckRequest, request);
    if (!names.has(service)) {
      // The specification keeps this stream open, since the service may appear later.
      yield toReply(operation, ServingStatus.SERVICE_UNKNOWN);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return;
    }
    let sent: ServingStatus | undefined;
    while (!signal.aborted) {
      if (status !== sent) {
        sent = status;
        yield toReply(operation, status);
        continue;
      }
      await nextEvent(changes, 'change', signal);
    }
  }

  return {
    setServing(isServing) {
      status = isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      changes.emit('change');
    },
    handlers: new Map<string, Handler>([
      [
        'grpc.health.v1.Health/Check',
        {
          kind: 'unary',
          handle: async (call) => {
            const { service } = toTyped(HealthCheckRequest, call.request);
            if (!names.has(service)) throw unknownService(service);
            return toReply(call.operation, status);
          },
        },
      ],
      [
        'grpc.health.v1.Health/List',
        {
          kind: 'unary',
          handle: async ({ operation }) => {
            const statuses = Object.fromEntries([...names].map((name) => [name, { status }]));
            return binaryReply(operation, HealthListResponse.encode({ statuses }).finish());
          },
        },
      ],
      [
        'grpc.health.v1.Health/Watch',
        {
          kind: 'server_streaming',
          handle: watch,
        },
      ],
    ]),
  };
}

function toReply(operation: Operation, status: ServingStatus): Reply {
  return binaryReply(operation, HealthCheckResponse.encode({ status }).finish());
}

function unknownService(service: string): CallError {
  return new CallError(
    'NOT_FOUND',
    'SERVICE_NOT_FOUND',
    `The server has no service ${service.slice(0, 200)}.`,
  );
}
