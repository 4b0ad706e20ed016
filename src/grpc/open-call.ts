import type { Http2Session, ServerHttp2Stream } from 'node:http2';
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

/** A call, from its headers to the end of its stream. */
export interface OpenCall {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  /** `/package.Service/Method` */
  readonly target: string;
  readonly requestId: string;
  /** When the caller wants the reply, on the clock of the service; undefined: it did not say. */
  readonly deadline: number | undefined;
  /** How its messages are compressed, if they are: the name of grpc-encoding. */
  readonly encoding: string;
  /** Whether the caller streams its messages, so that its request has no end to wait for. */
  readonly isRequestStream: boolean;
  /** Ends the call with an error, before a handler has begun with it. */
  refuse: (error: CallError) => void;
  /** Notes that the reply is made: the call no longer counts as in progress, however long it takes to send. */
  readonly replied: () => void;
  /** Ends the call with an error, whatever its handler is doing. */
  end: (error: CallError) => void;
}
