import { ServerInterceptingCall, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js';
import type { Dispatcher } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { fromGrpcJs } from './grpc-js-errors.ts';
import type { Intake } from './intake.ts';
import type { OpenCall } from './open-call.ts';
import type { Outlet } from './outlet.ts';
import { stopReading, toStatusObject } from './status.ts';

/** What watching a call needs. */
export interface WatchOptions {
  readonly intake: Intake;
  readonly outlet: Outlet;
  readonly dispatcher: Dispatcher;
}

type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * Puts the bounds of the gRPC side around a call of grpc-js. Its methods are replaced instead of intercepted: grpc-js makes
 * statuses of its own (a message that is too large, or cannot be inflated), which pass no interceptor by, and they are to
 * be told and logged like all others.
 */
export function watchCall(
  open: OpenCall,
  base: ServerInterceptingCallInterface,
  { intake, outlet, dispatcher }: WatchOptions,
): ServerInterceptingCall {
  const { stream, connection, target, requestId } = open;
  const sendStatus = base.sendStatus.bind(base);
  const sendMessage = base.sendMessage.bind(base);

  function refusal(error: CallError): Status {
    const name = target.slice(1);
    dispatcher.refused({ transport: 'grpc', peer: connection.peer, target: name, requestId }, error);
    return toStatusObject(error, new Map([['x-request-id', requestId]]), true);
  }

  base.getDeadline = () => open.deadline ?? Number.POSITIVE_INFINITY;
  base.sendMessage = (message: Uint8Array, callback: () => void) => {
    const taken = outlet.send(open, message.length, () =>
      sendMessage(message, () => {
        taken();
        callback();
      }),
    );
  };
  base.sendStatus = (given) => {
    if (stream.closed || stream.destroyed) {
      sendStatus(given);
      return;
    }
    sendStatus(isOwn(given) ? given : refusal(fromGrpcJs(given)));
    stopReading(stream);
  };
  open.refuse = (error) => {
    if (!stream.closed) base.sendStatus(refusal(error));
  };

  const arriving = intake.begin(open);
  return new ServerInterceptingCall(base, {
    start: (next) =>
      next({
        onReceiveMessage: (message: Buffer, pass) => {
          arriving.message(message.length);
          pass(message);
        },
      }),
  });
}

/** Whether a status is a success, or an error that this service has made. */
function isOwn({ code, metadata }: Status): boolean {
  return code === status.OK || (metadata?.get('x-request-id').length ?? 0) > 0;
}
