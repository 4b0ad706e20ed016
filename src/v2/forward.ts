import type { Reply, UnaryHandler } from '../rpc/call.ts';
import { encodeHttpRequest } from '../transcoding/encode-http.ts';
import { structReply } from '../rpc/reply.ts';
import { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import { type Ask, askVultr } from '../vultr/ask.ts';
import type { Send, VultrResponse } from '../vultr/request.ts';

/**
 * The handler of every vultr.v2 operation: the operation's own HTTP rule says what to ask, and Vultr's answer is the
 * answer.
 * @param ask how Vultr is asked. Default: askVultr
 */
export function createForwarder(
  send: Send,
  ask: Ask = (call, question) => askVultr(send, call, question),
): UnaryHandler {
  return async (call) => {
    const [binding] = call.operation.bindings;
    if (binding === undefined) throw new Error(`${call.operation.name} has no HTTP rule to ask Vultr by`);
    return toReply(await ask(call, encodeHttpRequest(binding, call.request)));
  };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * An answer that is not JSON (one operation answers YAML) is a Struct of its content type and text for gRPC. HTML is
 * never an answer of the API, only of what stands before it.
 */
function toReply({ status, contentType, body }: VultrResponse): Reply {
  const http = { status, contentType: body.length === 0 ? undefined : contentType, body };
  if (body.length === 0 || /\bjson\b/i.test(contentType)) return structReply(payloadOf(body), http);
  if (contentType === '' || /\bhtml\b/i.test(contentType)) throw notAnAnswer();
  try {
    return structReply(Payload.of({ content_type: contentType, body: UTF8.decode(body) }), http);
  } catch (cause) {
    throw notAnAnswer(cause);
  }
}

function notAnAnswer(cause?: unknown): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    'Vultr answered with something that is neither JSON nor text.',
    {
      cause,
    },
  );
}
