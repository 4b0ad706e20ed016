import {
  type Metadata,
  type ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  status,
} from '@grpc/grpc-js';
import type { Dispatcher } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { messageTooLarge, notDecompressible } from './errors.ts';
import { FrameReader } from './frames.ts';
import { fromGrpcJs } from './grpc-js-errors.ts';
import { inflateMessage } from './inflate.ts';
import type { Arriving, Intake } from './intake.ts';
import type { GrpcLimits } from './limits.ts';
import type { CallContext, OpenCall, UnaryResponse, Watch } from './open-call.ts';
import type { Outlet } from './outlet.ts';
import { stopReading, toStatusObject } from './status.ts';
import { sendMessageAndTrailers, sendResponseHeaders } from './unary-response.ts';

/** What watching a call needs. */
export interface WatchOptions {
  readonly limits: GrpcLimits;
  readonly intake: Intake;
  readonly outlet: Outlet;
  readonly dispatcher: Dispatcher;
}

type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];
type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

/**
 * Puts the bounds of the gRPC side around a call of grpc-js. It takes the place of the call instead of intercepting it:
 * grpc-js makes statuses of its own (a message that is too large, a second one), which bypass interceptors, and they have to be
 * reported and logged like all others.
 */
export function watchCall(
  open: OpenCall,
  base: ServerInterceptingCallInterface,
  options: WatchOptions,
): ServerInterceptingCall {
  const watched: ServerInterceptingCallInterface = new WatchedCall(open, base, options);
  // The class of grpc-js has private members, which nobody but itself uses.
  return watched as ServerInterceptingCall;
}

/** The call as the handlers of grpc-js see it, and the listener that the call behind it tells what arrives. */
class WatchedCall implements ServerInterceptingCallInterface, Listener, Watch {
  readonly #open: OpenCall;
  readonly #base: ServerInterceptingCallInterface;
  readonly #options: WatchOptions;
  readonly #sendStatus: (given: Status) => void;
  readonly #frames = new FrameReader();
  readonly #arriving: Arriving;
  #listener: Listener | undefined;
  #isEnded = false;
  #isCancelled = false;

  constructor(open: OpenCall, base: ServerInterceptingCallInterface, options: WatchOptions) {
    this.#open = open;
    this.#base = base;
    this.#options = options;
    this.#sendStatus = base.sendStatus;
    base.sendStatus = (given) => this.sendStatus(given);
    this.#arriving = options.intake.begin(open);
    open.watch = this;
    open.stream.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk);
      this.#arriving.chunk(chunk.length);
    });
    open.stream.on('end', () => this.#arriving.ended());
  }

  get #isOver(): boolean {
    const { stream } = this.#open;
    return this.#isEnded || stream.closed || stream.destroyed;
  }

  start(listener: Listener): void {
    this.#listener = listener;
    this.#base.start(this);
  }

  sendMetadata(metadata: Metadata): void {
    this.#base.sendMetadata(metadata);
  }

  sendMessage(message: Uint8Array, callback: () => void): void {
    const { outlet } = this.#options;
    this.#open.replied();
    outlet.send(this.#open, message.length, () =>
      this.#base.sendMessage(message, () => {
        outlet.taken(this.#open);
        callback();
      }),
    );
  }

  sendStatus(given: Status): void {
    if (this.#isOver) return;
    this.#isEnded = true;
    this.#open.replied();
    const sent = isOwn(given) ? withoutText(given) : this.#refusal(fromGrpcJs(given, this.#options.limits));
    this.#sendStatus.call(this.#base, sent);
    stopReading(this.#open.stream);
  }

  /** grpc-js does not hear of a response: nothing is left for it to do, and it would take longer to do the same. */
  respond({ message, metadata, trailers }: UnaryResponse): void {
    if (this.#isOver) return;
    const { stream } = this.#open;
    const { outlet } = this.#options;
    sendResponseHeaders(stream, metadata);
    this.#isEnded = true;
    this.#open.replied();
    outlet.send(this.#open, message.length, () =>
      sendMessageAndTrailers(stream, { message, trailers }, () => outlet.taken(this.#open)),
    );
    stopReading(stream);
  }

  refuse(error: CallError): void {
    if (!this.#isOver) this.sendStatus(this.#refusal(error));
  }

  closed(): void {
    this.#arriving.closed();
    this.#options.outlet.closed(this.#open);
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#frames.isNextCompressed()) void this.#inflate(message);
    else this.#deliver(message);
  }

  onReceiveHalfClose(): void {
    if (this.#isCancelled) return;
    this.#arriving.handedOver();
    this.#listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isCancelled = true;
    this.#open.handling?.left();
    this.#listener?.onCancel();
    // A stream may stay in memory for seconds (docs/performance.md, Garbage), so it lets go of what it leads to.
    this.#open.handling = undefined;
    this.#listener = undefined;
  }

  startRead(): void {
    this.#base.startRead();
  }

  getAuthContext(): CallContext {
    return { open: this.#open };
  }

  getPeer(): string {
    return this.#open.connection.peer;
  }

  getDeadline(): number {
    return this.#open.deadline ?? Number.POSITIVE_INFINITY;
  }

  getHost(): string {
    return this.#base.getHost();
  }

  getConnectionInfo(): ReturnType<ServerInterceptingCallInterface['getConnectionInfo']> {
    return this.#base.getConnectionInfo();
  }

  getMetricsRecorder(): ReturnType<ServerInterceptingCallInterface['getMetricsRecorder']> {
    return this.#base.getMetricsRecorder();
  }

  #deliver(message: Buffer): void {
    if (this.#isCancelled) return;
    this.#arriving.message(message.length);
    this.#listener?.onReceiveMessage(message);
  }

  async #inflate(message: Buffer): Promise<void> {
    const { limits } = this.#options;
    let plain: Buffer;
    try {
      plain = await inflateMessage(message, this.#open.encoding, limits.maxMessageBytes);
    } catch (thrown) {
      this.refuse(thrown instanceof RangeError ? messageTooLarge(limits) : notDecompressible(thrown));
      return;
    }
    this.#deliver(plain);
  }

  #refusal(error: CallError): Status {
    const { connection, target, requestId } = this.#open;
    const request = { transport: 'grpc', peer: connection.peer, target: target.slice(1), requestId } as const;
    this.#options.dispatcher.refused(request, error);
    return toStatusObject(error, new Map([['x-request-id', requestId]]), true);
  }
}

/** The text that grpc-js gives every success tells nothing, and some clients take any text for that of an error. */
function withoutText(given: Status): Status {
  return given.code === status.OK ? { ...given, details: '' } : given;
}

/** Whether a status is a success, or an error that this service has made. */
function isOwn({ code, metadata }: Status): boolean {
  return code === status.OK || (metadata?.get('x-request-id').length ?? 0) > 0;
}
