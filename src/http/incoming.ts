import type { IncomingMessage } from 'node:http';
import type { MaybeSoon } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import type { Incoming, IncomingRequest, Transport } from '../rpc/call.ts';
import type { CallEnd } from '../rpc/call-end.ts';
import type { Evidence } from '../rpc/evidence.ts';
import { formatPeer } from '../rpc/peer.ts';
import type { Message } from '../transcoding/message.ts';
import type { Passage } from './connections.ts';
import { evidenceOf } from './metadata.ts';

/** What an HTTP request is as a call. */
export interface HttpIncomingParts
  extends Pick<
    Incoming,
    'operation' | 'transport' | 'form' | 'metadata' | 'deadline' | 'read' | 'responseMetadata'
  > {
  readonly exchange: { readonly request: IncomingMessage; readonly passage: Passage };
  readonly http?: Incoming['http'];
  readonly view?: Incoming['view'];
  readonly responseTrailers?: Map<string, string>;
  readonly requests?: AsyncIterable<Message> | undefined;
}

/** A call that came as an HTTP request, whichever protocol it speaks. */
export class HttpIncoming implements Incoming {
  readonly #request: IncomingMessage;
  readonly #passage: Passage;
  #peer: string | undefined;
  readonly operation: Operation;
  readonly transport: Transport;
  readonly form: Incoming['form'];
  readonly metadata: ReadonlyMap<string, string>;
  readonly deadline: number | undefined;
  readonly read: () => MaybeSoon<IncomingRequest>;
  readonly responseMetadata: Map<string, string>;
  readonly http: Incoming['http'];
  readonly view: Incoming['view'];
  readonly responseTrailers: Map<string, string> | undefined;
  readonly requests: AsyncIterable<Message> | undefined;

  constructor(parts: HttpIncomingParts) {
    this.#request = parts.exchange.request;
    this.#passage = parts.exchange.passage;
    this.operation = parts.operation;
    this.transport = parts.transport;
    this.form = parts.form;
    this.metadata = parts.metadata;
    this.deadline = parts.deadline;
    this.read = parts.read;
    this.responseMetadata = parts.responseMetadata;
    this.http = parts.http;
    this.view = parts.view;
    this.responseTrailers = parts.responseTrailers;
    this.requests = parts.requests;
  }

  get peer(): string {
    this.#peer ??= formatPeer(this.#request.socket);
    return this.#peer;
  }

  get ending(): CallEnd {
    return this.#passage.ending;
  }

  evidence(): Evidence {
    return evidenceOf(this.#request, this.metadata.get('authorization'));
  }
}
