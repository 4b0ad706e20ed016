import { whenThere } from '../base/soon.ts';
import type { Operation } from '../contract/operation.ts';
import { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { Reply, ReplyOrigin, UnaryHandler } from '../rpc/call.ts';
import { httpReply, structReply } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { encodeRequest } from '../vultr/encode.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { Vultr } from '../vultr/vultr.ts';

/**
 * The handler of every operation that is Vultr's own. A request that came over HTTP goes on as it came, and so does its
 * response; a message is written as the operation's HTTP rule says, and its response is a Struct.
 */
export function createForwarder(vultr: Vultr): UnaryHandler {
  return (call) => {
    const { operation, verbatim } = call;
    const request = verbatim ?? encodeRequest(operation, call.request);
    const toReply = verbatim === undefined ? toStructReply : toHttpReply;
    return whenThere(vultr.call(operation, request, call), (response) => toReply(response, operation));
  };
}

/** A response that is passed on as it is. */
function toHttpReply(response: VultrResponse, operation: Operation): Reply {
  const { status, contentType, location, retryAfter, body } = response;
  return httpReply(
    {
      status,
      contentType: body.length === 0 || contentType === '' ? undefined : contentType,
      headers: {
        ...(location !== undefined && { location }),
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
      },
      body,
    },
    originOf(response, operation),
  );
}

/** Only what is public may be kept by others. */
function originOf({ cache, attempts, readyWithinMs }: VultrResponse, { isPublic }: Operation): ReplyOrigin {
  return { cache: isPublic ? cache : undefined, attempts, readyWithinMs };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A response as a Struct. One that is not JSON (a kubeconfig is YAML) is a Struct of its content type and text, a redirect
 * one of its location. HTML is never a response of the API, only of what stands before it.
 * @throws CallError INTERNAL, BAD_UPSTREAM_RESPONSE, when it is neither JSON nor text
 */
export function toStructReply(response: VultrResponse, operation: Operation): Reply {
  return structReply(toPayload(response), originOf(response, operation));
}

function toPayload({ status, contentType, location, body }: VultrResponse): Payload {
  if (status >= 300) return Payload.of({ status, location: location ?? '' });
  if (body.length === 0 || /\bjson\b/i.test(contentType)) return payloadOf(body);
  if (contentType === '' || /\bhtml\b/i.test(contentType)) throw notAResponse();
  try {
    return Payload.of({ content_type: contentType, body: UTF8.decode(body) });
  } catch (cause) {
    throw notAResponse(cause);
  }
}

function notAResponse(cause?: unknown): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    'Vultr answered with something that is neither JSON nor text.',
    { cause },
  );
}
