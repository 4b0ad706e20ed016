import { ServerInterceptingCall, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js';
import type { Dispatcher } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { messageTooLarge, notDecompressible } from './errors.ts';
import { createFrameReader } from './frames.ts';
import { fromGrpcJs } from './grpc-js-errors.ts';
import { inflateMessage } from './inflate.ts';
import type { Intake } from './intake.ts';
import { keptFrame, sendFrame } from './kept-frames.ts';
import type { GrpcLimits } from './limits.ts';
import type { CallContext, OpenCall } from './open-call.ts';
import type { Outlet } from './outlet.ts';
import { stopReading, toStatusObject } from './status.ts';

/** What watching a call needs. */
export interface WatchOptions {
  readonly limits: GrpcLimits;
  readonly intake: Intake;
  readonly outlet: Outlet;
  readonly dispatcher: Dispatcher;
}

type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * Puts the bounds of the gRPC side around a call of grpc-js. Its methods are replaced instead of intercepted: grpc-js makes
 * statuses of its own (a message that is too large, a second one), which bypass interceptors, and they have to be reported
 * and logged like all others.
 */
export function watchCall(
  open: OpenCall,
  base: ServerInterceptingCallInterface,
  options: WatchOptions,
): ServerInterceptingCall {
  const { stream, connection, target, requestId } = open;
  const { outlet, dispatcher } = options;
  const sendStatus = base.sendStatus.bind(base);
  const sendMessage = base.sendMessage.bind(base);
  let isEnded = false;

  function refusal(error: CallError): Status {
    const name = target.slice(1);
    dispatcher.refused({ transport: 'grpc', peer: connection.peer, target: name, requestId }, error);
    return toStatusObject(error, new Map([['x-request-id', requestId]]), true);
  }

  const context: CallContext = { open };
  base.getAuthContext = () => context;
  base.getDeadline = () => open.deadline ?? Number.POSITIVE_INFINITY;
  base.sendMessage = (message: Uint8Array, callback: () => void) => {
    open.replied();
    const frame = keptFrame(message);
    const onTaken = (): void => {
      taken();
      callback();
    };
    const taken = outlet.send(open, message.length, () => {
      if (frame === undefined) sendMessage(message, onTaken);
      else sendFrame(stream, frame, onTaken);
    });
  };
  base.sendStatus = (given) => {
    if (isEnded || stream.closed || stream.destroyed) return;
    isEnded = true;
    open.replied();
    sendStatus(isOwn(given) ? withoutText(given) : refusal(fromGrpcJs(given, options.limits)));
    stopReading(stream);
  };
  open.refuse = (error) => {
    if (!isEnded && !stream.closed) base.sendStatus(refusal(error));
  };
  return readThrough(open, base, options);
}

/** Follows the request of a call: counts it as it comes, and inflates its messages. */
function readThrough(
  open: OpenCall,
  base: ServerInterceptingCallInterface,
  { intake, limits }: WatchOptions,
): ServerInterceptingCall {
  const frames = createFrameReader();
  const arriving = intake.begin(open);
  open.stream.on('data', (chunk: Buffer) => frames.push(chunk));

  async function inflated(message: Buffer): Promise<Buffer | undefined> {
    try {
      return await inflateMessage(message, open.encoding, limits.maxMessageBytes);
    } catch (thrown) {
      open.refuse(thrown instanceof RangeError ? messageTooLarge(limits) : notDecompressible(thrown));
      return undefined;
    }
  }

  return new ServerInterceptingCall(base, {
    start: (next) =>
      next({
        onReceiveMessage: (message: Buffer, pass) => {
          const deliver = (plain: Buffer | undefined): void => {
            if (plain === undefined) return;
            arriving.message(plain.length);
            pass(plain);
          };
          if (frames.isNextCompressed()) void inflated(message).then(deliver);
          else deliver(message);
        },
        onReceiveHalfClose: (pass) => {
          arriving.handedOver();
          pass();
        },
      }),
  });
}

/** The text that grpc-js gives every success tells nothing, and some clients take any text for that of an error. */
function withoutText(given: Status): Status {
  return given.code === status.OK ? { ...given, details: '' } : given;
}

/** Whether a status is a success, or an error that this service has made. */
function isOwn({ code, metadata }: Status): boolean {
  return code === status.OK || (metadata?.get('x-request-id').length ?? 0) > 0;
}
