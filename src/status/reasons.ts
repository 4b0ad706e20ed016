/**
 * Every reason that google.rpc.ErrorInfo carries, with what it tells a caller. docs/errors.md is generated from this list.
 */
export const REASONS = {
  VULTR_REFUSED: 'Vultr refused the request; its text is in the message.',
  VULTR_LOCKED: 'Vultr is still working on the resource. Try again later.',
  VULTR_NOT_FOUND: 'Vultr does not have this resource, or does not show it yet.',
  VULTR_CONFLICT: 'The request conflicts with the state of the resource.',
  VULTR_FAILED: 'Vultr failed while working on the request.',
  VULTR_UNAVAILABLE: 'Vultr did not respond, or said that it is unavailable for now.',
  BREAKER_OPEN:
    'Vultr failed repeatedly, so it gets no requests for now. Nothing was sent; RetryInfo says when to try again.',
  VULTR_METHOD_NOT_ALLOWED: 'Vultr does not know this operation.',
  RATE_LIMITED: 'The request budget is used up. RetryInfo says when to try again.',
  INVALID_API_KEY: 'Vultr does not accept the API key.',
  UNAUTHORIZED_IP: 'The API key is not allowed from the address that this service calls from.',
  ACCESS_DENIED: 'The API key does not have the right to do this.',
  CREDENTIAL_MISSING:
    'The call needs a Vultr API key and none was given, or the authorization holds something else.',
  BAD_UPSTREAM_RESPONSE:
    "Vultr's response cannot be used: not JSON, too large, cut off, a redirect, or one that does not name what was created.",
  NUMBER_NOT_REPRESENTABLE:
    'The response contains a number that google.protobuf.Struct cannot represent exactly.',
  INVALID_REQUEST: 'A field is missing or malformed; BadRequest lists every violation.',
  MALFORMED_MESSAGE: 'The request is not a valid message of its type.',
  MALFORMED_JSON: 'The body is not valid JSON; the message says where.',
  UNSUPPORTED_MEDIA_TYPE: 'The body must be application/json.',
  REQUEST_TOO_LARGE: 'The request is over a size limit, which the message names.',
  MALFORMED_HTTP:
    'The request is not valid HTTP/1.1, or uses a feature of HTTP that this service does not support.',
  TOO_MANY_CONNECTIONS: 'Too many connections are open. RetryInfo says when to try again.',
  TOO_MANY_REQUESTS:
    'Too many requests, or bytes of requests, are in progress. RetryInfo says when to try again.',
  OVERLOADED: 'The service has more to do than it can. Nothing was sent; RetryInfo says when to try again.',
  HOST_NOT_ALLOWED: 'The Host of the request is not a name of this service; ALLOWED_HOSTS can allow it.',
  CROSS_SITE_REQUEST:
    'A web page of another origin asked for more than it may; CORS_ORIGINS can allow its origin.',
  REQUEST_TIMEOUT: 'The request did not arrive in time.',
  ROUTE_NOT_FOUND: 'There is no operation at this path.',
  METHOD_NOT_ALLOWED: 'The path has no operation for this HTTP method; Allow lists the methods that it has.',
  SERVICE_NOT_FOUND: 'The server has no service of this name.',
  DEADLINE_EXCEEDED: 'The deadline of the call passed before it was done.',
  CALL_CANCELLED: 'The caller cancelled before the call was done.',
  CONNECTION_TOO_OLD: 'The connection has reached its age. Call again; it is made on a new connection.',
  SHUTTING_DOWN: 'The service is shutting down. Call again; another replica serves the call.',
  CREATE_UNCERTAIN:
    'It is not known whether Vultr created the resource. Repeat with the same id; without one, look first.',
  IDEMPOTENCY_CONFLICT:
    'The id was used for another request, or with another Vultr key; BadRequest lists the fields that differ.',
  IDEMPOTENCY_UNAVAILABLE: 'The record of ids is unavailable or full, so nothing was sent to Vultr.',
  CALLER_UNKNOWN:
    'Nothing in the call proves a caller that the callers file names; the message says what was wrong.',
  CALLER_AMBIGUOUS: 'The call proves more than one caller. Send one proof.',
  CALLER_DENIED: 'The policy of the caller does not allow this; the message names the rule that is missing.',
  CREATE_LIMIT:
    'The caller may not create this: its region, its plan or its price is over a limit of the caller.',
  CREATE_QUOTA:
    'The caller has created as much as it may within an hour. RetryInfo says when it may create again.',
  POLICY_UNAVAILABLE:
    'Whether the caller may do this cannot be determined for now: signing keys, prices or the shared count are out of reach.',
  ACCOUNT_UNAVAILABLE: 'There is no usable Vultr API key for the account of the caller.',
  AUDIT_UNAVAILABLE: 'The audit log cannot be written, so nothing is changed for now.',
  TOO_MANY_WATCHES: 'There are too many watches. RetryInfo says when to try again.',
  GOAL_UNREACHABLE: 'The thing is in a state from which it will not meet the condition by itself.',
  NOT_READY_YET:
    'What was created is not ready yet. The metadata has its id; repeat with the same id to go on waiting.',
  INTERNAL_ERROR: 'The service failed in an unexpected way; its log has the request id.',
} as const satisfies Record<string, string>;

/** A reason of google.rpc.ErrorInfo, for example `VULTR_LOCKED`. */
export type Reason = keyof typeof REASONS;
