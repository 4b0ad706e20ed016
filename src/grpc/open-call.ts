import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { Evidence } from '../rpc/evidence.ts';
import type { CallError } from '../status/call-error.ts';

/** Where a connection comes from. There is one for each connection. */
export type ConnectionOrigin = Pick<Evidence, 'address' | 'certificate'>;

/** What grpc-js hands to the handler of a call, as its authentication context. */
export type CallContext = ReturnType<ServerInterceptingCallInterface['getAuthContext']> & {
  readonly open: OpenCall;
};

/** A connection that has been taken. */
export interface Connection {
  readonly session: Http2Session;
  /** What the session writes to. */
  readonly socket: Socket;
  /** The address of the other side, for the log. */
  readonly peer: string;
  readonly origin: ConnectionOrigin;
  readonly calls: Set<OpenCall>;
  /** Whether it came when all other connections were in use; then it may ask for the health alone. */
  isSpare: boolean;
}

/** A successful reply of one message. */
export interface UnaryResponse {
  readonly message: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  readonly trailers: ReadonlyMap<string, string>;
}

/** What stands around a call once grpc-js has it. */
export interface Watch {
  /** Ends the call with an error, before a handler has begun with it. */
  refuse(error: CallError): void;
  /** Sends the whole response, and ends the call. */
  respond(response: UnaryResponse): void;
  /** Is told that the stream has ended. */
  closed(): void;
}

/** A call that its handler has begun with. */
export interface Handling {
  /** Ends the call with an error. */
  abort(error: CallError): void;
  /** Is told that the caller has nothing more to do with the call: it has left, or the call is done. */
  left(): void;
}

/** What is known of a call by its headers. */
export type CallHead = Omit<OpenCall, 'watch' | 'handling' | 'refuse' | 'end'>;

/** A call, from its headers to the end of its stream. */
export class OpenCall {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** `/package.Service/Method` */
  readonly target: string;
  readonly requestId: string;
  /** When the caller wants the reply, on the clock of the service; undefined: it did not say. */
  readonly deadline: number | undefined;
  /** How its messages are compressed, if they are: the name of grpc-encoding. */
  readonly encoding: string;
  /** Whether the caller streams its messages, so that its request has no end to wait for. */
  readonly isRequestStream: boolean;
  /** Notes that the reply is made: the call no longer counts as in progress, however long it takes to send. */
  readonly replied: () => void;
  /** Undefined: grpc-js does not have the call yet. */
  watch: Watch | undefined;
  /** Undefined: no handler has begun with it yet. */
  handling: Handling | undefined;

  constructor(head: CallHead) {
    this.connection = head.connection;
    this.stream = head.stream;
    this.headers = head.headers;
    this.target = head.target;
    this.requestId = head.requestId;
    this.deadline = head.deadline;
    this.encoding = head.encoding;
    this.isRequestStream = head.isRequestStream;
    this.replied = head.replied;
  }

  /** Ends the call with an error, before a handler has begun with it. */
  refuse(error: CallError): void {
    this.watch?.refuse(error);
  }

  /** Ends the call with an error, whatever its handler is doing. */
  end(error: CallError): void {
    if (this.handling === undefined) this.refuse(error);
    else this.handling.abort(error);
  }
}
