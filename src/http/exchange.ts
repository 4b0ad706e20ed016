import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Shedder } from '../pipeline/shedder.ts';
import type { HttpReply } from '../rpc/call.ts';
import type { Passage } from './connections.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { HttpLimits, HttpServerOptions } from './options.ts';
import { sendResponse } from './response.ts';
import type { Target } from './target.ts';

/** A request that has been let in. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly passage: Passage;
  /** Asks a caller that waits for it (Expect: 100-continue) to send the body. */
  readonly proceed: () => void;
}

/** What requests are served with. */
export interface Tools {
  readonly options: HttpServerOptions;
  readonly limits: HttpLimits;
  readonly held: HeldBytes;
  readonly shedder: Shedder;
  readonly now: () => number;
}

/** Sends a response. A caller that leaves it unread for too long loses its connection. */
export async function send(
  { limits, held }: Tools,
  { request, response, passage }: Exchange,
  reply: HttpReply,
  headers: Readonly<Record<string, string>>,
  isKept = false,
): Promise<void> {
  held.send(passage, request.socket, reply.body.length);
  await sendResponse(response, reply, headers, isKept);
  // What the kernel took at once needs no watching.
  if (response.writableLength > 0 || request.socket.writableLength > 0)
    response.setTimeout(limits.writeTimeoutMs, () => response.destroy());
}
