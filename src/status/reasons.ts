/**
 * Every reason that google.rpc.ErrorInfo carries, with what it tells a caller. docs/errors.md is held to this list.
 */
export const REASONS = {
  VULTR_REFUSED: 'Vultr refused the request; its text is in the message.',
  VULTR_LOCKED: 'Vultr is still working on the resource. Ask again later.',
  VULTR_NOT_FOUND: 'Vultr has no such resource, or does not show it yet.',
  VULTR_CONFLICT: 'The request conflicts with the state of the resource.',
  VULTR_FAILED: 'Vultr failed while working on the request.',
  VULTR_UNAVAILABLE: 'Vultr did not answer, or said that it cannot for now.',
  BREAKER_OPEN:
    'Vultr failed repeatedly and is left alone for now. Nothing was sent; RetryInfo says when to ask again.',
  VULTR_METHOD_NOT_ALLOWED: 'Vultr does not know this operation.',
  RATE_LIMITED: 'The request budget is spent. RetryInfo says when to ask again.',
  INVALID_API_KEY: 'Vultr does not accept the API key.',
  UNAUTHORIZED_IP: 'The API key is not allowed from the address that this service calls from.',
  ACCESS_DENIED: 'The API key lacks the right to do this.',
  CREDENTIAL_MISSING: 'The call needs a Vultr API key and none was given.',
  BAD_UPSTREAM_RESPONSE: 'The answer of Vultr was not JSON, too large, or cut off.',
  NUMBER_NOT_REPRESENTABLE: 'The answer holds a number that google.protobuf.Struct cannot carry exactly.',
  INVALID_REQUEST: 'A field is missing or malformed; BadRequest lists every violation.',
  MALFORMED_MESSAGE: 'The request is not a valid message of its type.',
  MALFORMED_JSON: 'The body is not valid JSON; the message says where.',
  UNSUPPORTED_MEDIA_TYPE: 'The body has to be application/json.',
  REQUEST_TOO_LARGE: 'The request is over a size limit, which the message names.',
  MALFORMED_HTTP: 'The request is not valid HTTP/1.1, or asks of HTTP what this service does not do.',
  TOO_MANY_CONNECTIONS: 'The HTTP side has as many connections as it may. RetryInfo says when to try again.',
  REQUEST_TIMEOUT: 'The request did not arrive in time.',
  ROUTE_NOT_FOUND: 'There is no operation at this path.',
  METHOD_NOT_ALLOWED: 'The path has no operation for this HTTP method; Allow lists those that it has.',
  SERVICE_NOT_FOUND: 'The server has no service of this name.',
  DEADLINE_EXCEEDED: 'The deadline of the call passed before it was done.',
  CALL_CANCELLED: 'The caller left before the call was done.',
  SHUTTING_DOWN: 'The service is going down. Call again: another one answers.',
  CREATE_UNCERTAIN:
    'Whether Vultr made the resource is not known. Repeat with the same id; without one, look first.',
  IDEMPOTENCY_CONFLICT: 'The id was used for another request; BadRequest lists the fields that differ.',
  IDEMPOTENCY_UNAVAILABLE: 'The record of ids does not work or is full, so nothing was sent to Vultr.',
  TOO_MANY_WATCHES: 'There are as many watches as there may be. RetryInfo says when to try again.',
  GOAL_UNREACHABLE: 'The thing is in a state from which what was waited for will not come by itself.',
  NOT_READY_YET:
    'What was created is not ready yet. The metadata has its id; repeat with the same id to go on waiting.',
  INTERNAL_ERROR: 'The service failed in an unexpected way; its log has the request id.',
} as const satisfies Record<string, string>;

/** A reason of google.rpc.ErrorInfo, such as `VULTR_LOCKED`. */
export type Reason = keyof typeof REASONS;
